#include "control_plane/kv/kv_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>
#include <utility>

#include "control_plane/kv/kv_limits.h"
#include "control_plane/registry/names.h"

namespace isopop::control {
namespace {

Error no_such_namespace(const std::string& name) {
  return not_found(fmt::format("there is no KV namespace {}: popctl kv namespace create {}",
                               in_quotes(name), name));
}

// The least text that is greater than every one that begins with `prefix`; empty: there is none.
std::string after_prefix(std::string prefix) {
  while (!prefix.empty() && prefix.back() == '\xff') prefix.pop_back();
  if (!prefix.empty()) {
    prefix.back() = static_cast<char>(static_cast<unsigned char>(prefix.back()) + 1);
  }
  return prefix;
}

}  // namespace

Result<v1::KvNamespace> KvTable::create_namespace(const std::string& name) {
  ISOPOP_TRY_ASSIGN(const std::vector<v1::KvNamespace> present, namespaces());
  if (std::any_of(present.begin(), present.end(),
                  [&name](const v1::KvNamespace& space) { return space.name() == name; })) {
    return Error{ErrorCode::kAlreadyExists,
                 fmt::format("the KV namespace {} exists already", in_quotes(name))};
  }
  if (present.size() >= kNamespacesMax) {
    return Error{ErrorCode::kResourceExhausted,
                 fmt::format("there are {} KV namespaces; delete one first", present.size())};
  }
  v1::KvNamespace created;
  created.set_name(name);
  created.set_created_at_ms(to_unix_ms(clock_.wall_now()));
  ISOPOP_TRY_ASSIGN(
      Statement insert,
      database_.prepare("INSERT INTO kv_namespaces (name, created_at_ms, keys, bytes) "
                        "VALUES (?, ?, 0, 0)"));
  ISOPOP_TRY(insert.bind(1, name).bind(2, created.created_at_ms()).run());
  return created;
}

Result<std::vector<v1::KvNamespace>> KvTable::namespaces() {
  ISOPOP_TRY_ASSIGN(Statement select,
                    database_.prepare("SELECT name, created_at_ms, keys, bytes FROM kv_namespaces "
                                      "ORDER BY name"));
  std::vector<v1::KvNamespace> all;
  while (true) {
    ISOPOP_TRY_ASSIGN(const bool row, select.step());
    if (!row) return all;
    v1::KvNamespace& space = all.emplace_back();
    space.set_name(select.text(0));
    space.set_created_at_ms(select.number(1));
    space.set_keys(static_cast<std::uint64_t>(select.number(2)));
    space.set_bytes(static_cast<std::uint64_t>(select.number(3)));
  }
}

Result<void> KvTable::delete_namespace(const std::string& name) {
  ISOPOP_TRY_ASSIGN(const std::int64_t space, namespace_id(name));
  ISOPOP_TRY_ASSIGN(Statement entries,
                    database_.prepare("DELETE FROM kv_entries WHERE namespace_id = ?"));
  ISOPOP_TRY(entries.bind(1, space).run());
  ISOPOP_TRY_ASSIGN(Statement row, database_.prepare("DELETE FROM kv_namespaces WHERE id = ?"));
  ISOPOP_TRY(row.bind(1, space).run());
  ids_.erase(name);
  return {};
}

Result<void> KvTable::check_namespace(const std::string& name) {
  ISOPOP_TRY(namespace_id(name));
  return {};
}

Result<v1::KvReadResponse> KvTable::read(const std::string& name, const std::string& key) {
  ISOPOP_TRY_ASSIGN(const std::int64_t space, namespace_id(name));
  ISOPOP_TRY_ASSIGN(Statement select,
                    database_.prepare("SELECT stamp, expires_at_s, metadata, value FROM kv_entries "
                                      "WHERE namespace_id = ? AND key = ?"));
  ISOPOP_TRY_ASSIGN(const bool row, select.bind(1, space).bind_blob(2, key).step());
  v1::KvReadResponse answer;
  if (!row) return answer;
  answer.set_stamp(static_cast<std::uint64_t>(select.number(0)));
  const std::int64_t expires_at_s = select.number(1);
  const bool has_expired = expires_at_s != 0 && expires_at_s <= now_s();
  if (has_expired || select.is_null(3)) return answer;
  answer.set_found(true);
  answer.set_expires_at_s(expires_at_s);
  answer.set_metadata(select.text(2));
  answer.set_value(select.text(3));
  return answer;
}

Result<v1::KvListResponse> KvTable::list(const v1::KvListRequest& request) {
  ISOPOP_TRY_ASSIGN(const std::int64_t space, namespace_id(request.namespace_()));
  const std::uint32_t limit = request.limit() == 0 ? kKvListMax : request.limit();
  ISOPOP_TRY_ASSIGN(
      Statement select,
      database_.prepare("SELECT key, expires_at_s, metadata FROM kv_entries "
                        "WHERE namespace_id = ? AND key > ? AND key >= ? "
                        "AND (? IS NULL OR key < ?) AND value IS NOT NULL "
                        "AND (expires_at_s = 0 OR expires_at_s > ?) ORDER BY key LIMIT ?"));
  const std::string end = after_prefix(request.prefix());
  select.bind(1, space).bind_blob(2, request.cursor()).bind_blob(3, request.prefix());
  if (end.empty()) {
    select.bind_null(4).bind_null(5);
  } else {
    select.bind_blob(4, end).bind_blob(5, end);
  }
  // One more than is asked tells whether there are more.
  select.bind(6, now_s()).bind(7, std::int64_t{limit} + 1);
  v1::KvListResponse answer;
  while (true) {
    ISOPOP_TRY_ASSIGN(const bool row, select.step());
    if (!row) return answer;
    if (static_cast<std::uint32_t>(answer.keys_size()) == limit) {
      answer.set_cursor(answer.keys(answer.keys_size() - 1).name());
      return answer;
    }
    v1::KvListResponse::Key& key = *answer.add_keys();
    key.set_name(select.text(0));
    key.set_expires_at_s(select.number(1));
    key.set_metadata(select.text(2));
  }
}

Result<KvTable::Outcome> KvTable::write(const v1::KvWriteRequest::Write& write, std::uint64_t stamp,
                                        const std::string& origin) {
  ISOPOP_TRY_ASSIGN(const std::int64_t space, namespace_id(write.namespace_()));
  ISOPOP_TRY_ASSIGN(const std::optional<Present> before, present(space, write.key()));
  if (before && std::tie(before->stamp, before->origin) >= std::tie(stamp, origin)) {
    return Outcome{.stamp = before->stamp, .changed = false};
  }
  ISOPOP_TRY(put(space, write, stamp, origin));
  Sizes& added = added_[space];
  if (before) {
    added.keys -= before->sizes.keys;
    added.bytes -= before->sizes.bytes;
  }
  if (!write.deleted()) {
    ++added.keys;
    added.bytes += static_cast<std::int64_t>(write.key().size() + write.value().size() +
                                             write.metadata().size());
  }
  return Outcome{.stamp = stamp, .changed = true};
}

Result<void> KvTable::finish_writes(std::uint64_t last_stamp) {
  ISOPOP_TRY(add_sizes());
  ISOPOP_TRY_ASSIGN(
      Statement clock,
      database_.prepare("UPDATE kv_clock SET last_stamp = max(last_stamp, ?) WHERE only = 1"));
  return clock.bind(1, static_cast<std::int64_t>(last_stamp)).run();
}

Result<std::uint64_t> KvTable::last_stamp() {
  ISOPOP_TRY_ASSIGN(Statement select,
                    database_.prepare("SELECT last_stamp FROM kv_clock WHERE only = 1"));
  ISOPOP_TRY_ASSIGN(const bool row, select.step());
  ISOPOP_ASSERT(row, "the clock's row, which the schema puts there");
  return static_cast<std::uint64_t>(select.number(0));
}

Result<std::size_t> KvTable::sweep(std::size_t rows_max) {
  const std::int64_t tombstones_before =
      to_unix_ms(clock_.wall_now() - std::chrono::nanoseconds(kTombstonesKept));
  ISOPOP_TRY_ASSIGN(
      const std::size_t tombstones,
      sweep_rows("deleted_at_ms != 0 AND deleted_at_ms < ?", tombstones_before, rows_max));
  // Not at once, for the reason that tombstones stay.
  ISOPOP_TRY_ASSIGN(const std::size_t expired, sweep_rows("expires_at_s != 0 AND expires_at_s < ?",
                                                          tombstones_before / 1000, rows_max));
  ISOPOP_TRY(add_sizes());
  return tombstones + expired;
}

Result<std::int64_t> KvTable::namespace_id(const std::string& name) {
  if (const auto known = ids_.find(name); known != ids_.end()) return known->second;
  ISOPOP_TRY_ASSIGN(Statement select,
                    database_.prepare("SELECT id FROM kv_namespaces WHERE name = ?"));
  ISOPOP_TRY_ASSIGN(const bool row, select.bind(1, name).step());
  if (!row) return no_such_namespace(name);
  const std::int64_t id = select.number(0);
  ids_[name] = id;
  return id;
}

Result<std::optional<KvTable::Present>> KvTable::present(std::int64_t space,
                                                         const std::string& key) {
  if (!select_) {
    ISOPOP_TRY_ASSIGN(select_,
                      database_.prepare("SELECT stamp, origin, value IS NULL, length(value), "
                                        "length(CAST(metadata AS BLOB)) FROM kv_entries "
                                        "WHERE namespace_id = ? AND key = ?"));
  }
  ISOPOP_TRY_ASSIGN(const bool row, select_->bind(1, space).bind_blob(2, key).step());
  if (!row) return std::optional<Present>();
  Present present{.stamp = static_cast<std::uint64_t>(select_->number(0)),
                  .origin = select_->text(1),
                  .sizes = {}};
  if (select_->number(2) == 0) {
    present.sizes = {
        .keys = 1,
        .bytes = static_cast<std::int64_t>(key.size()) + select_->number(3) + select_->number(4)};
  }
  return std::optional(std::move(present));
}

Result<void> KvTable::put(std::int64_t space, const v1::KvWriteRequest::Write& write,
                          std::uint64_t stamp, const std::string& origin) {
  if (!upsert_) {
    ISOPOP_TRY_ASSIGN(upsert_,
                      database_.prepare("INSERT INTO kv_entries (namespace_id, key, stamp, origin, "
                                        "expires_at_s, deleted_at_ms, metadata, value) "
                                        "VALUES (?, ?, ?, ?, ?, ?, ?, ?) "
                                        "ON CONFLICT (namespace_id, key) DO UPDATE SET "
                                        "stamp = excluded.stamp, origin = excluded.origin, "
                                        "expires_at_s = excluded.expires_at_s, "
                                        "deleted_at_ms = excluded.deleted_at_ms, "
                                        "metadata = excluded.metadata, value = excluded.value"));
  }
  upsert_->bind(1, space)
      .bind_blob(2, write.key())
      .bind(3, static_cast<std::int64_t>(stamp))
      .bind(4, origin)
      .bind(5, write.expires_at_s())
      .bind(6, write.deleted() ? to_unix_ms(clock_.wall_now()) : 0)
      .bind(7, write.metadata());
  if (write.deleted()) {
    upsert_->bind_null(8);
  } else {
    upsert_->bind_blob(8, write.value());
  }
  return upsert_->run();
}

Result<std::size_t> KvTable::sweep_rows(std::string_view condition, std::int64_t before,
                                        std::size_t rows_max) {
  ISOPOP_TRY_ASSIGN(Statement select,
                    database_.prepare(fmt::format(
                        "SELECT rowid, namespace_id, value IS NULL, "
                        "length(key) + ifnull(length(value), 0) + length(CAST(metadata AS BLOB)) "
                        "FROM kv_entries WHERE {} LIMIT ?",
                        condition)));
  select.bind(1, before).bind(2, static_cast<std::int64_t>(rows_max));
  std::vector<std::int64_t> rows;
  while (true) {
    ISOPOP_TRY_ASSIGN(const bool row, select.step());
    if (!row) break;
    rows.push_back(select.number(0));
    if (select.number(2) != 0) continue;
    Sizes& added = added_[select.number(1)];
    --added.keys;
    added.bytes -= select.number(3);
  }
  ISOPOP_TRY_ASSIGN(Statement remove, database_.prepare("DELETE FROM kv_entries WHERE rowid = ?"));
  for (const std::int64_t row : rows) ISOPOP_TRY(remove.bind(1, row).run());
  return rows.size();
}

Result<void> KvTable::add_sizes() {
  if (added_.empty()) return {};
  ISOPOP_TRY_ASSIGN(Statement update, database_.prepare("UPDATE kv_namespaces SET keys = keys + ?, "
                                                        "bytes = bytes + ? WHERE id = ?"));
  for (const auto& [space, sizes] : added_) {
    ISOPOP_TRY(update.bind(1, sizes.keys).bind(2, sizes.bytes).bind(3, space).run());
  }
  added_.clear();
  return {};
}

}  // namespace isopop::control
