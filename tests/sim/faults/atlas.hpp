#pragma once

#include <set>

#include "tests/sim/world/network.hpp"

namespace sluice::sim {

class Node;
struct World;

/// Where damage may be done so that a good copy of everything is always left: whatever is lost then is a bug. Disks are
/// lost, and rot, one at a time: the next only once the last is whole again, and all others have everything.
class Atlas {
 public:
  explicit Atlas(World& world) : world_(world) {}

  /// Whether what that node has may be lost altogether.
  bool may_lose_disk(HostId node) const;
  /// Whether an operator may replace its disk, damaged as it is: others have everything.
  bool may_be_replaced(HostId node) const;
  /// Whether that node may lose what it had not synced, by which nothing is lost that others rely on.
  bool may_lose_unsynced(HostId node) const;
  /// Whether it may end, or be away for a while. With durability=os not while another one has just lost what it had not
  /// synced: until the controller knows, that one may be kept as the last in sync.
  bool may_be_away(HostId node) const;
  void note_damaged(HostId node) { damaged_.insert(node); }
  /// The node has everything again, as far as anybody can tell.
  bool is_whole(HostId node) const;
  /// All its logs are in use, and what they have reads well. What nobody has read may still be rotten while the node is
  /// in sync, and a log that its disk failed once may have lost what the node serves from memory. Pre: up.
  bool is_sound(HostId node) const;
  /// Forgets those that are whole again.
  void look();
  const std::set<HostId>& damaged() const noexcept { return damaged_; }

 private:
  bool has_company(HostId node, bool needs_synced) const;

  World& world_;
  std::set<HostId> damaged_;
};

}  // namespace sluice::sim
