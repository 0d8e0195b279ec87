#include "control_plane/access/access_table.h"

#include <fmt/format.h>

#include <string_view>

#include "common/text/text.h"

namespace isopop::control {
namespace {

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  if (text.empty()) return lines;
  for (const std::string_view line : split(text, '\n')) lines.emplace_back(line);
  return lines;
}

Result<Token> read_token(const Statement& row) {
  Token token{.id = row.text(0),
              .name = row.text(1),
              .role = {},
              .workers = lines_of(row.text(3)),
              .ids = lines_of(row.text(4)),
              .sha256 = row.text(5),
              .created_at_ms = row.number(6),
              .created_by = row.text(7),
              .expires_at_ms = row.number(8),
              .revoked = row.number(9) != 0,
              .last_used_ms = row.number(10),
              .uses_left = {}};
  const std::optional<Role> role = parse_role(row.text(2));
  if (!role) return Error{ErrorCode::kDataLoss, "a token in the database has an unknown role"};
  token.role = *role;
  if (!row.is_null(11)) token.uses_left = static_cast<std::uint32_t>(row.number(11));
  return token;
}

// Whether the statement changed a row.
Result<bool> changes(Database& database, Statement& statement) {
  ISOPOP_TRY(statement.run());
  ISOPOP_TRY_ASSIGN(Statement count, database.prepare("SELECT changes()"));
  ISOPOP_TRY_ASSIGN(const bool row, count.step());
  return row && count.number(0) > 0;
}

}  // namespace

Result<std::vector<Token>> AccessTable::tokens() {
  ISOPOP_TRY_ASSIGN(
      Statement rows,
      database_.prepare("SELECT id, name, role, workers, ids, sha256, created_at_ms, created_by, "
                        "expires_at_ms, revoked, last_used_ms, uses_left FROM tokens "
                        "ORDER BY created_at_ms, id"));
  std::vector<Token> tokens;
  while (true) {
    ISOPOP_TRY_ASSIGN(const bool row, rows.step());
    if (!row) return tokens;
    ISOPOP_TRY_ASSIGN(Token token, read_token(rows));
    tokens.push_back(std::move(token));
  }
}

Result<void> AccessTable::add(const Token& token) {
  ISOPOP_TRY_ASSIGN(
      Statement insert,
      database_.prepare(
          "INSERT INTO tokens VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)"));
  insert.bind(1, token.id)
      .bind(2, token.name)
      .bind(3, role_name(token.role))
      .bind(4, join(token.workers, "\n"))
      .bind(5, join(token.ids, "\n"))
      .bind(6, token.sha256)
      .bind(7, token.created_at_ms)
      .bind(8, token.created_by)
      .bind(9, token.expires_at_ms)
      .bind(10, std::int64_t{token.revoked ? 1 : 0})
      .bind(11, token.last_used_ms);
  if (token.uses_left) {
    insert.bind(12, static_cast<std::int64_t>(*token.uses_left));
  } else {
    insert.bind_null(12);
  }
  return insert.run();
}

Result<void> AccessTable::revoke(const std::string& id) {
  ISOPOP_TRY_ASSIGN(
      Statement update,
      database_.prepare("UPDATE tokens SET revoked = 1 WHERE id = ?1 AND revoked = 0"));
  update.bind(1, id);
  ISOPOP_TRY_ASSIGN(const bool changed, changes(database_, update));
  if (changed) return {};
  return not_found(fmt::format("there is no token {}, or it was revoked already", id));
}

Result<void> AccessTable::note_used(const std::string& id, std::int64_t at_ms) {
  ISOPOP_TRY_ASSIGN(
      Statement update,
      database_.prepare("UPDATE tokens SET last_used_ms = ?2 WHERE id = ?1 AND last_used_ms < ?2"));
  return update.bind(1, id).bind(2, at_ms).run();
}

Result<void> AccessTable::take_use(const std::string& id) {
  ISOPOP_TRY_ASSIGN(
      Statement update,
      database_.prepare("UPDATE tokens SET uses_left = uses_left - 1 WHERE id = ?1 AND "
                        "(uses_left IS NULL OR uses_left > 0)"));
  update.bind(1, id);
  ISOPOP_TRY_ASSIGN(const bool changed, changes(database_, update));
  if (changed) return {};
  return Error{ErrorCode::kPermissionDenied,
               "the join token was used as often as it was good for; make another one with "
               "`popctl join-token create`"};
}

Result<std::set<std::string>> AccessTable::revoked_identities() {
  ISOPOP_TRY_ASSIGN(Statement rows, database_.prepare("SELECT identity FROM revoked_identities"));
  std::set<std::string> identities;
  while (true) {
    ISOPOP_TRY_ASSIGN(const bool row, rows.step());
    if (!row) return identities;
    identities.insert(rows.text(0));
  }
}

Result<void> AccessTable::revoke_identity(const std::string& identity, std::int64_t at_ms) {
  ISOPOP_TRY_ASSIGN(Statement insert,
                    database_.prepare("INSERT OR IGNORE INTO revoked_identities VALUES (?1, ?2)"));
  return insert.bind(1, identity).bind(2, at_ms).run();
}

Result<void> AccessTable::restore_identity(const std::string& identity) {
  ISOPOP_TRY_ASSIGN(Statement remove,
                    database_.prepare("DELETE FROM revoked_identities WHERE identity = ?1"));
  remove.bind(1, identity);
  ISOPOP_TRY_ASSIGN(const bool changed, changes(database_, remove));
  if (changed) return {};
  return not_found(fmt::format("{} was not revoked", identity));
}

}  // namespace isopop::control
