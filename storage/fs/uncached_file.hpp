#pragma once

#include <cstdlib>
#include <memory>
#include <mutex>

#include "storage/fs/posix_file.hpp"

namespace sluice::storage {

/// Reads what the disk holds, past the page cache, and leaves that as it is: for looking for rot without pushing out
/// what others read. Where the file system has no such reads, what was not cached before is dropped after it was read.
class UncachedFile final : public File {
 public:
  static Result<std::unique_ptr<File>> open(const std::string& path);

  using File::write_at;
  Result<std::size_t> read_at(std::uint64_t position, MutableBytes into) const override;
  Result<std::uint64_t> size() const override { return file_.size(); }
  int descriptor() const noexcept override { return -1; }

  // Read only.
  Result<> write_at(std::uint64_t position, std::span<const ByteView> parts) override;
  Result<> truncate(std::uint64_t size) override;
  Result<> reserve(std::uint64_t size) override;
  Result<> sync_data() override;
  Result<std::unique_ptr<Mapping>> map(std::uint64_t size, Access access) override;

 private:
  struct Free {
    void operator()(std::byte* bytes) const noexcept { std::free(bytes); }
  };

  UncachedFile(Descriptor descriptor, bool direct) noexcept : file_(std::move(descriptor)), direct_(direct) {}

  Result<std::size_t> read_part(std::uint64_t position, MutableBytes into) const;
  Result<std::size_t> read_and_drop(std::uint64_t position, MutableBytes into) const;

  PosixFile file_;
  mutable std::mutex mutex_;  // of both below
  mutable bool direct_;
  mutable std::unique_ptr<std::byte, Free> aligned_;
};

}  // namespace sluice::storage
