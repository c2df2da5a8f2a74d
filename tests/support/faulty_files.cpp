#include "tests/support/faulty_files.hpp"

#include <utility>

namespace sluice::test {

using storage::Operation;

namespace {

class FaultyFile final : public storage::File {
 public:
  FaultyFile(std::unique_ptr<storage::File> file, FaultyFiles& plan, std::string path)
      : file_(std::move(file)), plan_(plan), path_(std::move(path)) {}

  Result<std::size_t> read_at(std::uint64_t position, MutableBytes into) const override {
    return file_->read_at(position, into);
  }
  Result<> write_at(std::uint64_t position, std::span<const ByteView> parts) override {
    if (const auto planned = plan_.check(Operation::write, path_); !planned) return planned;
    return file_->write_at(position, parts);
  }
  Result<std::uint64_t> size() const override { return file_->size(); }
  Result<> truncate(std::uint64_t size) override { return file_->truncate(size); }
  Result<> reserve(std::uint64_t size) override { return file_->reserve(size); }
  Result<> sync_data() override {
    if (const auto planned = plan_.check(Operation::sync, path_); !planned) return planned;
    return file_->sync_data();
  }
  Result<std::unique_ptr<storage::Mapping>> map(std::uint64_t size, storage::Access access) override {
    return file_->map(size, access);
  }
  int descriptor() const noexcept override { return file_->descriptor(); }

 private:
  std::unique_ptr<storage::File> file_;
  FaultyFiles& plan_;
  std::string path_;
};

}  // namespace

void FaultyFiles::inject(storage::Fault fault) {
  const std::lock_guard lock{mutex_};
  plan_.inject(std::move(fault));
}

void FaultyFiles::clear() {
  const std::lock_guard lock{mutex_};
  plan_.clear();
}

void FaultyFiles::hang_syncs() {
  const std::lock_guard lock{mutex_};
  hangs_ = true;
}

void FaultyFiles::let_go() {
  const std::lock_guard lock{mutex_};
  hangs_ = false;
  let_go_.notify_all();
}

Result<> FaultyFiles::check(Operation operation, const std::string& path) {
  std::unique_lock lock{mutex_};
  if (operation == Operation::sync) let_go_.wait(lock, [this] { return !hangs_; });
  if (const auto fault = plan_.on_call(operation, path)) return std::error_code{fault->error, std::system_category()};
  return {};
}

Result<std::unique_ptr<storage::File>> FaultyFiles::open(const std::string& path, storage::OpenMode mode) {
  if (const auto planned = check(Operation::open, path); !planned) return planned.error();
  auto file = files_.open(path, mode);
  if (!file) return file.error();
  return std::unique_ptr<storage::File>{std::make_unique<FaultyFile>(std::move(*file), *this, path)};
}

Result<> FaultyFiles::rename(const std::string& from, const std::string& to) {
  if (const auto planned = check(Operation::rename, from); !planned) return planned;
  return files_.rename(from, to);
}

Result<> FaultyFiles::sync_directory(const std::string& path) {
  if (const auto planned = check(Operation::sync_directory, path); !planned) return planned;
  return files_.sync_directory(path);
}

Result<> FaultyFiles::sync_file_system(const std::string& path) {
  if (const auto planned = check(Operation::sync_directory, path); !planned) return planned;
  return files_.sync_file_system(path);
}

}  // namespace sluice::test
