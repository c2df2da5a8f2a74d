#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

namespace sluice::broker::controller {

/// Hash index whose copies share structure: a copy costs one pointer, and a change to a copy duplicates only the path
/// that it touches. Holds `shared_ptr<const T>`s under hashes that the caller computes.
///
/// A tree of fixed depth: root, kFanout branches, kFanout leaves each, a leaf being a short vector. With 100,000
/// entries a change copies two arrays of 64 pointers and some 25 entries.
///
/// Threading: one writer per instance; any number of readers of an instance that is no longer written. Copying counts
/// as reading. Nodes remember which writer made them, so that a writer changes its own nodes in place until it is
/// copied.
template <class T>
class SharedIndex {
 public:
  using Pointer = std::shared_ptr<const T>;

  SharedIndex() = default;
  SharedIndex(const SharedIndex& other) noexcept : root_(other.root_), size_(other.size_) { other.disown(); }
  SharedIndex& operator=(const SharedIndex& other) noexcept {
    other.disown();
    disown();
    root_ = other.root_;
    size_ = other.size_;
    return *this;
  }
  ~SharedIndex() = default;

  std::size_t size() const noexcept { return size_; }

  /// First entry under `hash` that satisfies `matches`; null when there is none.
  template <class Matches>
  const Pointer* find(std::uint64_t hash, Matches&& matches) const {
    if (root_ == nullptr) return nullptr;
    const auto& branch = root_->children[branch_slot(hash)];
    if (branch == nullptr) return nullptr;
    const auto& leaf = branch->children[leaf_slot(hash)];
    if (leaf == nullptr) return nullptr;
    for (const auto& entry : leaf->entries) {
      if (entry.first == hash && matches(*entry.second)) return &entry.second;
    }
    return nullptr;
  }

  void insert(std::uint64_t hash, Pointer value) {
    own_leaf(hash).entries.emplace_back(hash, std::move(value));
    ++size_;
  }

  /// Pre: `old` is held under `hash`.
  void replace(std::uint64_t hash, const T* old, Pointer value) {
    for (auto& entry : own_leaf(hash).entries) {
      if (entry.second.get() != old) continue;
      entry.second = std::move(value);
      return;
    }
  }

  void erase(std::uint64_t hash, const T* old) {
    auto& entries = own_leaf(hash).entries;
    for (auto& entry : entries) {
      if (entry.second.get() != old) continue;
      std::swap(entry, entries.back());
      entries.pop_back();
      --size_;
      return;
    }
  }

  /// In no particular order.
  template <class Visit>
  void for_each(Visit&& visit) const {
    if (root_ == nullptr) return;
    for (const auto& branch : root_->children) {
      if (branch == nullptr) continue;
      for (const auto& leaf : branch->children) {
        if (leaf == nullptr) continue;
        for (const auto& entry : leaf->entries) visit(entry.second);
      }
    }
  }

 private:
  static constexpr std::size_t kFanoutBits = 6;
  static constexpr std::size_t kFanout = std::size_t{1} << kFanoutBits;

  struct Leaf {
    std::uint64_t owner = 0;
    std::vector<std::pair<std::uint64_t, Pointer>> entries;
  };
  template <class Child>
  struct Node {
    std::uint64_t owner = 0;
    std::array<std::shared_ptr<Child>, kFanout> children;
  };
  using Branch = Node<Leaf>;
  using Root = Node<Branch>;

  static std::size_t branch_slot(std::uint64_t hash) noexcept { return hash & (kFanout - 1); }
  static std::size_t leaf_slot(std::uint64_t hash) noexcept { return (hash >> kFanoutBits) & (kFanout - 1); }

  static std::uint64_t next_owner() noexcept {
    static std::atomic<std::uint64_t> last{0};
    return last.fetch_add(1, std::memory_order_relaxed) + 1;
  }

  /// From here on every node may be shared with a copy.
  void disown() const noexcept { owner_.store(0, std::memory_order_relaxed); }

  Leaf& own_leaf(std::uint64_t hash) {
    auto owner = owner_.load(std::memory_order_relaxed);
    if (owner == 0) {
      owner = next_owner();
      owner_.store(owner, std::memory_order_relaxed);
    }
    Root& root = own(root_, owner);
    Branch& branch = own(root.children[branch_slot(hash)], owner);
    return own(branch.children[leaf_slot(hash)], owner);
  }

  template <class N>
  static N& own(std::shared_ptr<N>& node, std::uint64_t owner) {
    if (node == nullptr) {
      node = std::make_shared<N>();
    } else if (node->owner != owner) {
      node = std::make_shared<N>(*node);
    }
    node->owner = owner;
    return *node;
  }

  std::shared_ptr<Root> root_;
  std::size_t size_ = 0;
  mutable std::atomic<std::uint64_t> owner_{0};  ///< 0: owns no node
};

}  // namespace sluice::broker::controller
