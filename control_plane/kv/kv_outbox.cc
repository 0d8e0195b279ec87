#include "control_plane/kv/kv_outbox.h"

namespace isopop::control {

void KvOutbox::add(const std::vector<std::string>& readers, const KvChange& change) {
  for (const std::string& reader : readers) {
    v1::KvInvalidations& message = messages_[reader];
    if (message.everything()) continue;
    if (static_cast<std::size_t>(message.entries_size()) >= kEntriesMax) {
      add_everything({reader});
      continue;
    }
    v1::KvInvalidations::Entry& entry = *message.add_entries();
    entry.set_namespace_(change.key.space);
    entry.set_key(change.key.key);
    entry.set_stamp(change.stamp);
    entry.set_committed_at_ms(change.committed_at_ms);
  }
}

void KvOutbox::add_everything(const std::vector<std::string>& readers) {
  for (const std::string& reader : readers) {
    v1::KvInvalidations& message = messages_[reader];
    message.clear_entries();
    message.set_everything(true);
  }
}

}  // namespace isopop::control
