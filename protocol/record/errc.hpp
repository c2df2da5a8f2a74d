#pragma once

#include <system_error>

namespace sluice::record {

/// What can be wrong with the records of a batch.
enum class Errc {
  malformed_record = 1,    ///< a length or field reaches past its record, or a varint is overlong
  trailing_bytes,          ///< something follows the last record
  records_missing,         ///< the records end before the header's count is reached
  corrupt_compressed,      ///< the codec can't decode its stream
  decompressed_too_large,  ///< the stream unpacks to more than the caller allows
  unknown_codec,
};

const std::error_category& record_category() noexcept;

inline std::error_code make_error_code(Errc code) noexcept { return {static_cast<int>(code), record_category()}; }

}  // namespace sluice::record

template <>
struct std::is_error_code_enum<sluice::record::Errc> : std::true_type {};
