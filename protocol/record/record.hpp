#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>

#include "protocol/base/bytes.hpp"
#include "protocol/base/result.hpp"
#include "protocol/record/errc.hpp"
#include "protocol/record/record_cursor.hpp"

namespace sluice::record {

struct Header {
  ByteView key;
  std::optional<ByteView> value;
};

/// A record's headers, read where they lie when iterated. Made by `parse_record` only, which has checked every length.
class HeaderRange {
 public:
  class Iterator {
   public:
    using value_type = Header;
    using difference_type = std::ptrdiff_t;
    using pointer = const Header*;
    using reference = const Header&;
    using iterator_category = std::input_iterator_tag;

    Iterator() = default;
    Iterator(RecordCursor cursor, std::int32_t left) noexcept : cursor_(cursor), left_(left) { take(); }

    const Header& operator*() const noexcept { return header_; }
    const Header* operator->() const noexcept { return &header_; }
    Iterator& operator++() noexcept {
      --left_;
      take();
      return *this;
    }
    Iterator operator++(int) noexcept {
      auto before = *this;
      ++*this;
      return before;
    }
    friend bool operator==(const Iterator& left, const Iterator& right) noexcept { return left.left_ == right.left_; }

   private:
    void take() noexcept {
      if (left_ <= 0) return;
      header_.key = cursor_.take_nullable().value_or(ByteView{});
      header_.value = cursor_.take_nullable();
    }

    RecordCursor cursor_{ByteView{}};
    Header header_{};
    std::int32_t left_ = 0;
  };

  HeaderRange() = default;
  HeaderRange(ByteView bytes, std::int32_t count) noexcept : bytes_(bytes), count_(count) {}

  Iterator begin() const noexcept { return {RecordCursor{bytes_}, count_}; }
  Iterator end() const noexcept { return {}; }
  std::int32_t size() const noexcept { return count_; }
  bool empty() const noexcept { return count_ == 0; }

 private:
  ByteView bytes_;
  std::int32_t count_ = 0;
};

/// What checks and lookups need of a record: all but its contents.
struct RecordShape {
  std::int64_t timestamp_delta = 0;
  std::int32_t offset_delta = 0;
  bool has_key = false;
};

/// One record where it lies. An absent key or value is null, which is not the same as empty.
struct RecordView {
  std::int32_t offset_delta = 0;
  std::int64_t timestamp_delta = 0;
  std::optional<ByteView> key;
  std::optional<ByteView> value;
  HeaderRange headers;
};

/// Walks every field of a record from its attributes on; the cursor is ok() and at its end if they are sound.
template <class Cursor>
void walk_fields(Cursor& cursor, RecordShape& shape) {
  cursor.skip(1);  // attributes: none are defined for records
  shape.timestamp_delta = cursor.take_varlong();
  shape.offset_delta = cursor.take_varint();
  shape.has_key = skip_nullable(cursor);
  skip_nullable(cursor);  // value
  const auto headers = cursor.take_varint();
  if (headers != 0) [[unlikely]]
    skip_headers(cursor, headers);
}

/// Checks the record that is all of `body`, which begins after the record's length. False unless every field lies
/// within it and together they fill it.
inline bool check_record(ByteView body, RecordShape& shape) noexcept {
  RecordCursor cursor{body};
  walk_fields(cursor, shape);
  return cursor.ok() && cursor.at_end();
}

/// The record that is all of `body`; nullopt where `check_record` says false.
std::optional<RecordView> parse_record(ByteView body) noexcept;

/// Walks the uncompressed records of a batch.
class RecordWalker {
 public:
  RecordWalker(ByteView records, std::int32_t count) noexcept : rest_(records), left_(count) {}

  /// nullopt after the last record. Errors: `Errc::malformed_record`, `records_missing`, `trailing_bytes`.
  Result<std::optional<RecordView>> next() noexcept;

 private:
  ByteView rest_;
  std::int32_t left_;
};

/// Of record `index` in a batch that begins with `base_sequence`: goes on from 0 after INT32_MAX; -1 without one.
std::int32_t sequence_of(std::int32_t base_sequence, std::int32_t index) noexcept;

}  // namespace sluice::record
