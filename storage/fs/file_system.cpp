#include "storage/fs/file_system.hpp"

namespace sluice::storage {
namespace {

constexpr std::string_view kTemporarySuffix = ".tmp";  // Kafka's, too

Result<> write_and_sync(FileSystem& fs, const std::string& path, std::string_view content) {
  const auto file = fs.open(path, OpenMode::create);
  if (!file) return file.error();
  // A leftover of an attempt that was cut short may be longer.
  if (const auto cut = (*file)->truncate(0); !cut) return cut;
  if (const auto written = (*file)->write_at(0, as_byte_view(content)); !written) return written;
  return (*file)->sync_data();
}

}  // namespace

Result<std::string> read_file(FileSystem& fs, const std::string& path) {
  const auto file = fs.open(path, OpenMode::existing_read_only);
  if (!file) return file.error();
  const auto size = (*file)->size();
  if (!size) return size.error();
  std::string content(*size, '\0');
  const auto count = (*file)->read_at(0, std::as_writable_bytes(std::span{content}));
  if (!count) return count.error();
  content.resize(*count);
  return content;
}

Result<> write_file_atomically(FileSystem& fs, const std::string& path, std::string_view content) {
  const auto temporary = path + std::string{kTemporarySuffix};
  if (const auto written = write_and_sync(fs, temporary, content); !written) return written;
  if (const auto renamed = fs.rename(temporary, path); !renamed) return renamed;
  return fs.sync_directory(parent_path(path));
}

std::string join_path(std::string_view directory, std::string_view name) {
  if (directory.empty()) return std::string{name};
  std::string path{directory};
  if (path.back() != '/') path += '/';
  path += name;
  return path;
}

std::string parent_path(std::string_view path) {
  while (path.size() > 1 && path.back() == '/') path.remove_suffix(1);
  const auto slash = path.rfind('/');
  if (slash == std::string_view::npos) return ".";
  return std::string{path.substr(0, slash == 0 ? 1 : slash)};
}

}  // namespace sluice::storage
