#include "control_plane/audit/audit_log.h"

#include <fmt/format.h>

#include <string_view>
#include <utility>

#include "common/hash/hash.h"

namespace isopop::control {
namespace {

// What the first entry's hash covers instead of an entry before it.
const std::string& no_hash() {
  static const std::string zeros(64, '0');
  return zeros;
}

// Each text with its length: no two entries are the same bytes.
std::string hash_of(const std::string& before, const AuditLog::Entry& entry) {
  std::string bytes = fmt::format("{}\n{} {}\n", before, entry.number, entry.at_ms);
  const AuditEvent& event = entry.event;
  for (const std::string_view text :
       {std::string_view(event.actor.name), std::string_view(event.action),
        std::string_view(event.object), std::string_view(event.detail_json)}) {
    bytes += fmt::format("{}:{}\n", text.size(), text);
  }
  return sha256_hex(bytes);
}

constexpr std::string_view kColumns = "number, at_ms, actor, action, object, detail, hash";

AuditLog::Entry read_entry(const Statement& row) {
  return {.number = static_cast<std::uint64_t>(row.number(0)),
          .at_ms = row.number(1),
          .event = {.actor = {row.text(2)},
                    .action = row.text(3),
                    .object = row.text(4),
                    .detail_json = row.text(5)},
          .hash = row.text(6)};
}

}  // namespace

Result<void> AuditLog::append(const AuditEvent& event) {
  ISOPOP_TRY_ASSIGN(
      Statement newest,
      database_.prepare("SELECT number, hash FROM audit ORDER BY number DESC LIMIT 1"));
  ISOPOP_TRY_ASSIGN(const bool has_entries, newest.step());
  Entry entry{.number = has_entries ? static_cast<std::uint64_t>(newest.number(0)) + 1 : 1,
              .at_ms = to_unix_ms(clock_.wall_now()),
              .event = event,
              .hash = {}};
  entry.hash = hash_of(has_entries ? newest.text(1) : no_hash(), entry);
  ISOPOP_TRY_ASSIGN(Statement insert,
                    database_.prepare("INSERT INTO audit VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"));
  return insert.bind(1, static_cast<std::int64_t>(entry.number))
      .bind(2, entry.at_ms)
      .bind(3, event.actor.name)
      .bind(4, event.action)
      .bind(5, event.object)
      .bind(6, event.detail_json)
      .bind(7, entry.hash)
      .run();
}

Result<std::vector<AuditLog::Entry>> AuditLog::list(const Filter& filter) {
  // '0' is the character behind '/': between them lie "OBJECT/" and all that begins so.
  ISOPOP_TRY_ASSIGN(
      Statement rows,
      database_.prepare(fmt::format(
          "SELECT {} FROM audit WHERE (?1 = '' OR object = ?1 OR (object >= ?1 || '/' AND object < "
          "?1 || '0')) AND (?2 = '' OR actor = ?2) AND (?3 = 0 OR number < ?3) "
          "ORDER BY number DESC LIMIT ?4",
          kColumns)));
  rows.bind(1, filter.object)
      .bind(2, filter.actor)
      .bind(3, static_cast<std::int64_t>(filter.before))
      .bind(4, static_cast<std::int64_t>(filter.limit));
  std::vector<Entry> entries;
  while (true) {
    ISOPOP_TRY_ASSIGN(const bool row, rows.step());
    if (!row) return entries;
    entries.push_back(read_entry(rows));
  }
}

Result<std::uint64_t> AuditLog::first_damaged() {
  ISOPOP_TRY_ASSIGN(Statement rows, database_.prepare(fmt::format(
                                        "SELECT {} FROM audit ORDER BY number", kColumns)));
  std::string before = no_hash();
  for (std::uint64_t number = 1;; ++number) {
    ISOPOP_TRY_ASSIGN(const bool row, rows.step());
    if (!row) return std::uint64_t{0};
    Entry entry = read_entry(rows);
    if (entry.number != number || entry.hash != hash_of(before, entry)) return number;
    before = std::move(entry.hash);
  }
}

}  // namespace isopop::control
