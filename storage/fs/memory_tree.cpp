#include "storage/fs/memory_tree.hpp"

#include <algorithm>
#include <cerrno>
#include <set>
#include <utility>

namespace sluice::storage {
namespace {

std::error_code system_error(int error) noexcept { return {error, std::system_category()}; }

std::vector<std::string> names_in(std::string_view path) {
  std::vector<std::string> names;
  while (!path.empty()) {
    const auto end = std::min(path.find('/'), path.size());
    const auto name = path.substr(0, end);
    if (!name.empty() && name != ".") names.emplace_back(name);
    path.remove_prefix(std::min(end + 1, path.size()));
  }
  return names;
}

/// Whether `inner` is `outer` or below it.
bool is_within(const std::shared_ptr<MemoryDirectory>& inner, const std::shared_ptr<MemoryDirectory>& outer) {
  if (inner == outer) return true;
  return std::any_of(outer->entries.begin(), outer->entries.end(), [&](const auto& named) {
    return named.second.directory && is_within(inner, named.second.directory);
  });
}

/// Why `from` can't take the place of `to`, or no error.
std::error_code replace_error(const MemoryEntry& from, const MemoryEntry& to) {
  if (!from.directory) return to.directory ? system_error(EISDIR) : std::error_code{};
  if (!to.directory) return system_error(ENOTDIR);
  return to.directory->entries.empty() ? std::error_code{} : system_error(ENOTEMPTY);
}

std::shared_ptr<MemoryDirectory> survivor(const MemoryDirectory& directory, MemoryDisk& disk, CrashDice& dice) {
  auto result = std::make_shared<MemoryDirectory>();
  for (const auto& [name, entry] : directory.durable) {
    MemoryEntry kept;
    if (entry.directory) {
      kept.directory = survivor(*entry.directory, disk, dice);
    } else {
      kept.file = std::make_shared<MemoryFile>(disk, entry.file->survivor(dice));
    }
    result->entries.emplace(name, kept);
  }
  result->durable = result->entries;
  return result;
}

}  // namespace

Result<MemoryEntry> MemoryTree::find(std::string_view path) const {
  MemoryEntry at{root_, nullptr};
  for (const auto& name : names_in(path)) {
    if (!at.directory) return system_error(ENOTDIR);
    const auto found = at.directory->entries.find(name);
    if (found == at.directory->entries.end()) return system_error(ENOENT);
    at = MemoryEntry{found->second};  // a copy first: `at` may be what keeps `found` alive
  }
  return at;
}

Result<std::shared_ptr<MemoryDirectory>> MemoryTree::find_directory(std::string_view path) const {
  auto entry = find(path);
  if (!entry) return entry.error();
  if (!entry->directory) return system_error(ENOTDIR);
  return entry->directory;
}

Result<MemoryTree::Place> MemoryTree::place_of(std::string_view path) const {
  auto names = names_in(path);
  if (names.empty()) return system_error(EBUSY);  // the root itself
  Directory directory = root_;
  for (std::size_t i = 0; i + 1 < names.size(); ++i) {
    const auto found = directory->entries.find(names[i]);
    if (found == directory->entries.end()) return system_error(ENOENT);
    if (!found->second.directory) return system_error(ENOTDIR);
    directory = Directory{found->second.directory};
  }
  return Place{std::move(directory), std::move(names.back())};
}

void MemoryTree::edit(std::vector<std::pair<Place, std::optional<MemoryEntry>>> edits) {
  Change change;
  for (auto& [place, entry] : edits) {
    if (entry) {
      place.directory->entries.insert_or_assign(place.name, *entry);
    } else {
      place.directory->entries.erase(place.name);
    }
    change.push_back({place.directory, std::move(place.name), std::move(entry)});
  }
  unsynced_.push_back(std::move(change));
}

Result<> MemoryTree::link(std::string_view path, MemoryEntry entry) {
  auto place = place_of(path);
  if (!place) return place.error();
  edit({{std::move(*place), std::move(entry)}});
  return {};
}

Result<> MemoryTree::create_directories(std::string_view path) {
  Directory directory = root_;
  for (const auto& name : names_in(path)) {
    if (!directory->entries.contains(name)) {
      edit({{Place{directory, name}, MemoryEntry{std::make_shared<MemoryDirectory>(), nullptr}}});
    }
    auto next = directory->entries.find(name)->second.directory;
    if (!next) return system_error(ENOTDIR);
    directory = std::move(next);
  }
  return {};
}

Result<> MemoryTree::rename(std::string_view from, std::string_view to) {
  auto source = place_of(from);
  if (!source) return source.error();
  auto target = place_of(to);
  if (!target) return target.error();
  const auto moved = source->directory->entries.find(source->name);
  if (moved == source->directory->entries.end()) return system_error(ENOENT);
  const MemoryEntry entry = moved->second;
  if (source->directory == target->directory && source->name == target->name) return {};
  if (entry.directory && is_within(target->directory, entry.directory)) return system_error(EINVAL);
  const auto replaced = target->directory->entries.find(target->name);
  if (replaced != target->directory->entries.end()) {
    if (const auto error = replace_error(entry, replaced->second)) return error;
  }
  edit({{std::move(*source), std::nullopt}, {std::move(*target), entry}});
  return {};
}

Result<> MemoryTree::remove(std::string_view path) {
  auto place = place_of(path);
  if (!place) return place.error() == std::errc::no_such_file_or_directory ? Result<>{} : place.error();
  const auto found = place->directory->entries.find(place->name);
  if (found == place->directory->entries.end()) return {};
  if (found->second.directory) return system_error(EISDIR);
  edit({{std::move(*place), std::nullopt}});
  return {};
}

void MemoryTree::remove_contents(const Directory& directory) {
  while (!directory->entries.empty()) {
    const auto first = directory->entries.begin();
    if (first->second.directory) remove_contents(Directory{first->second.directory});
    edit({{Place{directory, first->first}, std::nullopt}});
  }
}

Result<> MemoryTree::remove_all(std::string_view path) {
  auto place = place_of(path);
  if (!place) return place.error() == std::errc::no_such_file_or_directory ? Result<>{} : place.error();
  const auto found = place->directory->entries.find(place->name);
  if (found == place->directory->entries.end()) return {};
  if (found->second.directory) remove_contents(Directory{found->second.directory});
  edit({{std::move(*place), std::nullopt}});
  return {};
}

void MemoryTree::apply(const Change& change) {
  for (const auto& edit : change) {
    const auto directory = edit.directory.lock();
    if (!directory) continue;
    if (edit.entry) {
      directory->durable.insert_or_assign(edit.name, *edit.entry);
    } else {
      directory->durable.erase(edit.name);
    }
  }
}

Result<> MemoryTree::sync(std::string_view path) {
  const auto directory = find_directory(path);
  if (!directory) return directory.error();
  // A rename between directories takes along what came before it in the other one.
  std::set<const MemoryDirectory*> synced{directory->get()};
  std::deque<Change> durable;
  for (auto i = unsynced_.size(); i-- > 0;) {
    const auto touches = [&](const Edit& edit) { return synced.contains(edit.directory.lock().get()); };
    auto& change = unsynced_[i];
    if (std::none_of(change.begin(), change.end(), touches)) continue;
    for (const auto& edit : change) {
      if (const auto other = edit.directory.lock()) synced.insert(other.get());
    }
    durable.push_front(std::move(change));
    change.clear();
  }
  for (const auto& change : durable) apply(change);
  durable.clear();
  forget_unreachable();
  return {};
}

void MemoryTree::sync_all() {
  for (const auto& change : unsynced_) apply(change);
  unsynced_.clear();
  std::vector<MemoryDirectory*> left{root_.get()};
  while (!left.empty()) {
    const auto* directory = left.back();
    left.pop_back();
    for (const auto& [name, entry] : directory->entries) {
      if (entry.directory) left.push_back(entry.directory.get());
      if (entry.file) entry.file->sync();
    }
  }
}

void MemoryTree::forget_unreachable() {
  const auto gone = [](const Change& change) {
    return std::all_of(change.begin(), change.end(), [](const Edit& edit) { return edit.directory.expired(); });
  };
  while (std::erase_if(unsynced_, gone) > 0) {  // a change may hold the last reference to what another one edits
  }
}

void MemoryTree::crash(MemoryDisk& disk, CrashDice& dice) {
  dice.draw_odds();
  std::set<const MemoryDirectory*> stopped;
  for (const auto& change : unsynced_) {
    const auto is_stopped = [&](const Edit& edit) { return stopped.contains(edit.directory.lock().get()); };
    if (std::none_of(change.begin(), change.end(), is_stopped) && dice.keeps()) {
      apply(change);
    } else {
      for (const auto& edit : change) {
        if (const auto directory = edit.directory.lock()) stopped.insert(directory.get());
      }
    }
  }
  root_ = survivor(*root_, disk, dice);
  unsynced_.clear();
}

}  // namespace sluice::storage
