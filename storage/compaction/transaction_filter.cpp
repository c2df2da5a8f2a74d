#include "storage/compaction/transaction_filter.hpp"

#include "protocol/record/control_record.hpp"
#include "protocol/record/record.hpp"

namespace sluice::storage {

TransactionFilter::TransactionFilter(const std::vector<AbortedTransaction>& aborted) {
  for (const auto& each : aborted) waiting_.emplace(each.first_offset, each);
}

void TransactionFilter::begin_up_to(Offset offset) {
  while (!waiting_.empty() && waiting_.begin()->first <= offset) {
    const auto& next = waiting_.begin()->second;
    aborted_.emplace(next.producer_id, Open{next});
    waiting_.erase(waiting_.begin());
  }
}

bool TransactionFilter::is_aborted(const record::BatchView& header) {
  begin_up_to(header.last_offset());
  if (!header.is_transactional()) return false;
  const auto open = aborted_.find(header.producer_id());
  if (open == aborted_.end()) {
    committed_.insert(header.producer_id());
    return false;
  }
  open->second.met = true;
  return true;
}

bool TransactionFilter::is_marker_obsolete(const record::BatchView& batch) {
  begin_up_to(batch.last_offset());
  just_aborted_.reset();
  if (batch.record_count() == 0) return true;
  record::RecordWalker walker{batch.records(), batch.record_count()};
  const auto record = walker.next();
  if (!record || !*record || !(*record)->key) return false;
  const auto type = record::parse_control_type(*(*record)->key);
  if (type == record::ControlType::commit) return committed_.erase(batch.producer_id()) == 0;
  if (type != record::ControlType::abort) return false;
  // Data that was taken for committed needs the marker all the more: the list of aborted ones may have been lost.
  bool met = committed_.erase(batch.producer_id()) > 0;
  if (const auto open = aborted_.find(batch.producer_id()); open != aborted_.end()) {
    if (open->second.met) just_aborted_ = open->second.transaction;
    met = met || open->second.met;
    aborted_.erase(open);
  }
  return !met;
}

}  // namespace sluice::storage
