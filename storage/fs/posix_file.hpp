#pragma once

#include <cerrno>
#include <memory>

#include "storage/fs/file_system.hpp"

namespace sluice::storage {

/// What errno says, in the system category.
inline std::error_code last_system_error() noexcept { return {errno, std::system_category()}; }

/// A descriptor, closed at the end. An error of close is not looked at: sync is where a write's fate is learned.
class Descriptor {
 public:
  explicit Descriptor(int fd) noexcept : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(other.fd_) { other.fd_ = -1; }
  Descriptor& operator=(Descriptor&& other) noexcept;
  ~Descriptor();

  int get() const noexcept { return fd_; }

 private:
  int fd_;  // -1: none
};

/// open(2) with O_CLOEXEC, again after a signal.
Result<Descriptor> open_descriptor(const std::string& path, int flags);

/// A file of the operating system by its descriptor. Safe for concurrent use as the system's positional calls are.
class PosixFile final : public File {
 public:
  explicit PosixFile(Descriptor descriptor) noexcept : descriptor_(std::move(descriptor)) {}

  using File::write_at;
  Result<std::size_t> read_at(std::uint64_t position, MutableBytes into) const override;
  Result<> write_at(std::uint64_t position, std::span<const ByteView> parts) override;
  Result<std::uint64_t> size() const override;
  Result<> truncate(std::uint64_t size) override;
  Result<> reserve(std::uint64_t size) override;
  Result<> sync_data() override;
  Result<std::unique_ptr<Mapping>> map(std::uint64_t size, Access access) override;
  Result<std::size_t> read_cached_at(std::uint64_t position, MutableBytes into) const override;
  bool is_cached(std::uint64_t position, std::uint64_t size) const noexcept override;
  void read_ahead(std::uint64_t position, std::uint64_t size) const noexcept override;
  void expect_short_reads() const noexcept override;
  int descriptor() const noexcept override { return descriptor_.get(); }

 private:
  Descriptor descriptor_;
};

}  // namespace sluice::storage
