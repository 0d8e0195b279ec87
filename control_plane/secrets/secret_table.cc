#include "control_plane/secrets/secret_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>

namespace isopop::control {
namespace {

constexpr std::size_t kNameBytesMax = 64;

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

// No worker's name has a slash.
std::string place_of(std::string_view worker, std::string_view name) {
  return fmt::format("secret/{}/{}", worker, name);
}

constexpr std::string_view kColumns = "worker, name, selector, sealed";

}  // namespace

Result<void> check_secret_name(std::string_view name) {
  const bool is_name = !name.empty() && name.size() <= kNameBytesMax && is_letter(name.front()) &&
                       std::all_of(name.begin(), name.end(),
                                   [](char c) { return is_letter(c) || (c >= '0' && c <= '9'); });
  if (is_name) return {};
  return invalid_argument(
      "a secret's name is 1 to 64 letters, digits or '_', and does not begin with a digit");
}

Result<bool> SecretTable::put(const Secret& secret, const Described& description) {
  ISOPOP_TRY_ASSIGN(Statement count,
                    database_.prepare("SELECT count(*), coalesce(sum(name = ?2), 0) FROM secrets "
                                      "WHERE worker = ?1"));
  count.bind(1, secret.worker).bind(2, secret.name);
  ISOPOP_TRY_ASSIGN(const bool row, count.step());
  ISOPOP_ASSERT(row, "a count to have a value");
  const bool is_there = count.number(1) != 0;
  if (!is_there && count.number(0) >= static_cast<std::int64_t>(kSecretsPerWorkerMax)) {
    return Error{ErrorCode::kResourceExhausted,
                 fmt::format("a worker has at most {} secrets", kSecretsPerWorkerMax)};
  }
  ISOPOP_TRY_ASSIGN(
      Statement insert,
      database_.prepare("INSERT OR REPLACE INTO secrets VALUES (?1, ?2, ?3, ?4, ?5, ?6)"));
  ISOPOP_TRY(insert.bind(1, secret.worker)
                 .bind(2, secret.name)
                 .bind(3, secret.selector)
                 .bind_blob(4, key_.seal(secret.value, place_of(secret.worker, secret.name)))
                 .bind(5, description.changed_at_ms)
                 .bind(6, description.changed_by)
                 .run());
  return is_there;
}

Result<void> SecretTable::remove(const std::string& worker, const std::string& name) {
  ISOPOP_TRY_ASSIGN(
      Statement remove,
      database_.prepare("DELETE FROM secrets WHERE worker = ?1 AND name = ?2 RETURNING name"));
  remove.bind(1, worker).bind(2, name);
  ISOPOP_TRY_ASSIGN(const bool row, remove.step());
  if (!row) {
    return not_found(fmt::format("worker '{}' has no secret '{}'", worker, name.substr(0, 80)));
  }
  ISOPOP_TRY(remove.step());
  return {};
}

Result<std::vector<SecretTable::Described>> SecretTable::list(const std::string& worker) {
  ISOPOP_TRY_ASSIGN(Statement rows,
                    database_.prepare("SELECT name, selector, changed_at_ms, changed_by FROM "
                                      "secrets WHERE worker = ?1 ORDER BY name"));
  rows.bind(1, worker);
  std::vector<Described> found;
  while (true) {
    ISOPOP_TRY_ASSIGN(const bool row, rows.step());
    if (!row) return found;
    found.push_back({.name = rows.text(0),
                     .selector = rows.text(1),
                     .changed_at_ms = rows.number(2),
                     .changed_by = rows.text(3)});
  }
}

Result<std::vector<SecretTable::Secret>> SecretTable::of(const std::string& worker) {
  ISOPOP_TRY_ASSIGN(Statement rows,
                    database_.prepare(fmt::format(
                        "SELECT {} FROM secrets WHERE worker = ?1 ORDER BY name", kColumns)));
  rows.bind(1, worker);
  return read(rows);
}

Result<std::vector<SecretTable::Secret>> SecretTable::all() {
  ISOPOP_TRY_ASSIGN(Statement rows, database_.prepare(fmt::format(
                                        "SELECT {} FROM secrets ORDER BY worker, name", kColumns)));
  return read(rows);
}

Result<std::vector<SecretTable::Secret>> SecretTable::read(Statement& rows) {
  std::vector<Secret> secrets;
  while (true) {
    ISOPOP_TRY_ASSIGN(const bool row, rows.step());
    if (!row) return secrets;
    Secret secret{
        .worker = rows.text(0), .name = rows.text(1), .selector = rows.text(2), .value = {}};
    Result<std::string> value = key_.open(rows.text(3), place_of(secret.worker, secret.name));
    if (!value.ok()) {
      return value.error().with_context(
          fmt::format("secret {} of worker {}", secret.name, secret.worker));
    }
    secret.value = std::move(value).value();
    secrets.push_back(std::move(secret));
  }
}

}  // namespace isopop::control
