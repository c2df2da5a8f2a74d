#include "tests/sim/clients/checker.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <sstream>
#include <unordered_map>

namespace sluice::sim {
namespace {

/// All that was said of one key.
struct OneKey {
  Promises promises;
  std::vector<const Send*> sends;
  std::vector<const Poll*> polls;  // the final ones too
  std::vector<const Poll*> final_polls;

  std::map<Offset, Value> value_at;                        // what anybody was told
  std::unordered_map<Value, std::vector<Offset>> offsets;  // the other way round, each once
  std::unordered_map<Value, const Send*> sent;
  std::unordered_map<Value, bool> polled;
  Offset highest_polled = kNoOffset;
};

class Checker {
 public:
  Checker(const History& history, const std::function<Promises(const Key&)>& promises_of) {
    const auto of = [&](const Key& key) -> OneKey& {
      const auto [found, is_new] = keys_.try_emplace(key);
      if (is_new) found->second.promises = promises_of(key);
      return found->second;
    };
    for (const auto& send : history.sends) of(send.key).sends.push_back(&send);
    for (const auto& poll : history.polls) of(poll.key).polls.push_back(&poll);
    for (const auto& poll : history.final_polls) {
      of(poll.key).polls.push_back(&poll);
      of(poll.key).final_polls.push_back(&poll);
    }
  }

  std::vector<Finding> run() {
    for (auto& [key, one] : keys_) {
      key_ = &key;
      gather(one);
      find_duplicates(one);
      find_lost(one);
      find_wrong_reads(one);
      find_bad_orders_of_polls(one);
      find_bad_orders_of_sends(one);
    }
    return std::move(findings_);
  }

 private:
  template <class... Values>
  void found(Anomaly anomaly, const Values&... values) {
    std::ostringstream out;
    ((out << ' ' << values), ...);
    findings_.push_back({anomaly, *key_, out.str()});
  }

  void gather(OneKey& one) {
    const auto learn = [&](Offset offset, Value value) {
      const auto [known, is_new] = one.value_at.try_emplace(offset, value);
      if (!is_new && known->second != value && !one.promises.may_lose) {
        found(Anomaly::inconsistent_offset, "offset", offset, "values", known->second, value);
      }
      auto& offsets = one.offsets[value];
      if (std::ranges::find(offsets, offset) == offsets.end()) offsets.push_back(offset);
    };
    for (const auto* send : one.sends) {
      one.sent.emplace(send->value, send);
      if (send->outcome == Outcome::ok && send->offset != kNoOffset) learn(send->offset, send->value);
    }
    for (const auto* poll : one.polls) {
      for (const auto& record : poll->records) {
        learn(record.offset, record.value);
        one.polled[record.value] = true;
        one.highest_polled = std::max(one.highest_polled, record.offset);
      }
    }
  }

  void find_duplicates(const OneKey& one) {
    if (!one.promises.exactly_once || one.promises.may_lose) return;
    for (const auto& [offset, value] : one.value_at) {
      const auto& offsets = one.offsets.at(value);
      if (offsets.size() > 1 && offsets.front() == offset) {
        found(Anomaly::duplicate, "value", value, "offsets", offsets[0], offsets[1]);
      }
    }
  }

  void find_lost(const OneKey& one) {
    if (one.promises.may_lose) return;
    std::unordered_map<Value, bool> seen_at_the_end;
    for (const auto* poll : one.final_polls) {
      for (const auto& record : poll->records) seen_at_the_end[record.value] = true;
    }
    for (const auto* send : one.sends) {
      if (send->outcome != Outcome::ok) continue;
      const bool is_passed = send->offset != kNoOffset && send->offset < one.highest_polled;
      if (is_passed && !one.polled.contains(send->value)) {
        found(Anomaly::lost_write, "value", send->value, "at", send->offset, "of client", send->client);
      } else if (!one.final_polls.empty() && !seen_at_the_end.contains(send->value)) {
        found(Anomaly::unseen, "value", send->value, "at", send->offset, "of client", send->client);
      }
    }
    // Whoever polled it proves that it was committed.
    if (one.final_polls.empty()) return;
    for (const auto& [offset, value] : one.value_at) {
      const auto send = one.sent.find(value);
      const bool is_told = send != one.sent.end() && send->second->outcome == Outcome::ok;
      if (!is_told && one.polled.contains(value) && !seen_at_the_end.contains(value)) {
        found(Anomaly::lost_write, "value", value, "was polled at", offset);
      }
    }
  }

  void find_wrong_reads(const OneKey& one) {
    for (const auto* poll : one.polls) {
      for (const auto& record : poll->records) {
        const auto send = one.sent.find(record.value);
        if (send == one.sent.end()) {
          found(Anomaly::phantom, "value", record.value, "at", record.offset);
        } else if (send->second->outcome == Outcome::failed) {
          found(Anomaly::failed_read, "value", record.value, "at", record.offset);
        }
      }
    }
  }

  void find_bad_orders_of_polls(const OneKey& one) {
    if (one.promises.may_lose) return;
    std::map<std::pair<int, std::int64_t>, Offset> positions;  // of client and assignment: the last one polled
    for (const auto* poll : one.polls) {
      for (const auto& record : poll->records) {
        const auto [at, is_first] = positions.try_emplace({poll->client, poll->assignment}, record.offset);
        if (is_first) continue;
        if (record.offset <= at->second) {
          found(Anomaly::nonmonotonic_poll, "client", poll->client, "went from", at->second, "to", record.offset);
        } else if (const auto next = one.value_at.upper_bound(at->second);
                   next != one.value_at.end() && next->first < record.offset) {
          found(Anomaly::poll_skip, "client", poll->client, "left out", next->first, "before", record.offset);
        }
        at->second = record.offset;
      }
    }
  }

  /// By where a value lies first: a repeat of it comes later.
  void find_bad_orders_of_sends(const OneKey& one) {
    if (!one.promises.exactly_once || one.promises.may_lose) return;
    std::map<int, std::vector<std::pair<std::int64_t, Offset>>> by_client;
    for (const auto* send : one.sends) {
      const auto offsets = one.offsets.find(send->value);
      if (offsets == one.offsets.end()) continue;
      by_client[send->client].emplace_back(send->order, *std::ranges::min_element(offsets->second));
    }
    for (auto& [client, placed] : by_client) {
      std::ranges::sort(placed);
      for (std::size_t i = 1; i < placed.size(); ++i) {
        if (placed[i].second > placed[i - 1].second) continue;
        found(Anomaly::nonmonotonic_send, "client", client, "sent", placed[i - 1].first, "before", placed[i].first,
              "offsets", placed[i - 1].second, placed[i].second);
      }
    }
  }

  std::map<Key, OneKey> keys_;
  const Key* key_ = nullptr;
  std::vector<Finding> findings_;
};

}  // namespace

const char* name_of(Anomaly anomaly) {
  switch (anomaly) {
    case Anomaly::inconsistent_offset: return "inconsistent offset";
    case Anomaly::duplicate: return "duplicate";
    case Anomaly::lost_write: return "lost write";
    case Anomaly::unseen: return "unseen";
    case Anomaly::failed_read: return "failed read";
    case Anomaly::phantom: return "phantom";
    case Anomaly::poll_skip: return "poll skip";
    case Anomaly::nonmonotonic_poll: return "nonmonotonic poll";
    case Anomaly::nonmonotonic_send: return "nonmonotonic send";
  }
  return "unknown";
}

std::ostream& operator<<(std::ostream& out, const Finding& finding) {
  return out << name_of(finding.anomaly) << ": " << finding.key << finding.detail;
}

std::vector<Finding> check(const History& history, const std::function<Promises(const Key&)>& promises_of) {
  return Checker{history, promises_of}.run();
}

}  // namespace sluice::sim
