#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/result/result.h"
#include "common/time/clock.h"
#include "control_plane/access/actor.h"
#include "control_plane/registry/sqlite.h"

namespace isopop::control {

// Something that was changed. `object` is what: "worker/shop", "kv/sessions", "token/1f3a…",
// "identity/pop/AMS"; what belongs to a worker begins with its object. `detail_json` is an object
// or empty; never a secret's value.
struct AuditEvent {
  Actor actor;
  std::string action;  // "deployment.create", "secret.put"
  std::string object;
  std::string detail_json;
};

// Who changed what, in the order it happened, in control.db. Entries are appended in the
// transaction of the change, so that neither is there without the other. The database refuses to
// change or remove one (triggers), and each entry's hash covers the one before it: who edits the
// file behind SQLite's back would have to write every later hash anew. Cutting off the newest
// entries cannot be seen in the log alone: who must rule that out keeps the newest hash elsewhere.
// On the store's thread.
class AuditLog final {
 public:
  AuditLog(Database& database, const Clock& clock) : database_(database), clock_(clock) {}

  // Within the caller's transaction.
  [[nodiscard]] Result<void> append(const AuditEvent& event);

  struct Entry {
    std::uint64_t number = 0;  // from 1, without gaps
    std::int64_t at_ms = 0;
    AuditEvent event;
    std::string hash;  // 64 hexadecimal digits
  };
  struct Filter {
    std::string object;        // with what belongs to it; empty: everything
    std::string actor;         // empty: everybody
    std::uint64_t before = 0;  // entries with a lower number; 0: the newest
    std::uint32_t limit = 100;
  };
  // Newest first.
  [[nodiscard]] Result<std::vector<Entry>> list(const Filter& filter);

  // Reads the whole log: the number of the first entry that is not what was written, or 0.
  [[nodiscard]] Result<std::uint64_t> first_damaged();

 private:
  Database& database_;
  const Clock& clock_;
};

}  // namespace isopop::control
