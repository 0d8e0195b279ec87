#include "control_plane/access/access_book.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

namespace isopop::control {
namespace {

Error unauthenticated(std::string message) {
  return Error{ErrorCode::kUnauthenticated, std::move(message)};
}
Error denied(std::string message) {
  return Error{ErrorCode::kPermissionDenied, std::move(message)};
}

}  // namespace

void AccessBook::fill(const std::vector<Token>& tokens,
                      const std::set<std::string>& revoked_identities) {
  state_.with([&](State& state) {
    std::map<std::string, Token, std::less<>> before = std::exchange(state.tokens, {});
    state.order.clear();
    for (const Token& token : tokens) {
      Token& kept = state.tokens[token.id] = token;
      state.order.push_back(token.id);
      if (const auto known = before.find(token.id); known != before.end()) {
        kept.last_used_ms = std::max(kept.last_used_ms, known->second.last_used_ms);
      }
    }
    state.revoked_identities = revoked_identities;
  });
}

Result<Token> AccessBook::find(State& state, std::string_view text) const {
  const std::optional<std::string> id = token_id(text);
  const auto found = id ? state.tokens.find(*id) : state.tokens.end();
  if (found == state.tokens.end() || !is_text_of(found->second, text)) {
    return unauthenticated("the token is not one of this control plane's");
  }
  Token& token = found->second;
  if (token.revoked) {
    return unauthenticated(fmt::format("the token '{}' was revoked", token.name));
  }
  if (token.has_expired(clock_.wall_now())) {
    return unauthenticated(fmt::format("the token '{}' has expired", token.name));
  }
  token.last_used_ms = to_unix_ms(clock_.wall_now());
  state.used[token.id] = token.last_used_ms;
  return token;
}

Result<Caller> AccessBook::person(std::string_view token_text) {
  const Result<Token> token = state_.with([&](State& state) { return find(state, token_text); });
  if (!token.ok()) return token.error();
  if (token.value().role == Role::kJoin) {
    return unauthenticated("a join token is for programs that enroll, and for nothing else");
  }
  return Caller{.actor = {"token:" + token.value().name},
                .role = token.value().role,
                .workers = token.value().workers,
                .program = {},
                .is_anonymous = false};
}

Result<Caller> AccessBook::program(const pki::ProgramIdentity& identity) const {
  const bool is_revoked = state_.with(
      [&](const State& state) { return state.revoked_identities.contains(identity.name()); });
  if (is_revoked) {
    return denied(fmt::format(
        "the identity of {0} was revoked; `popctl identity restore {0}` takes that back",
        identity.name()));
  }
  return Caller{.actor = {identity.name()},
                .role = Role::kReader,
                .workers = {},
                .program = identity,
                .is_anonymous = false};
}

Result<std::string> AccessBook::may_join(std::string_view token_text,
                                         const pki::ProgramIdentity* identity) {
  const Result<Token> found = state_.with([&](State& state) { return find(state, token_text); });
  if (!found.ok()) return denied("join token: " + found.error().message);
  const Token& token = found.value();
  if (token.role != Role::kJoin) return denied("the token is a person's, not a join token");
  if (token.uses_left == 0U) {
    return denied(
        fmt::format("the join token '{}' was used as often as it was good for", token.name));
  }
  if (identity == nullptr) return token.id;
  if (const Result<Caller> caller = program(*identity); !caller.ok()) return caller.error();
  const auto fits = [identity](const std::string& pattern) {
    return pki::fits_pattern(identity->name(), pattern);
  };
  if (!token.ids.empty() && !std::any_of(token.ids.begin(), token.ids.end(), fits)) {
    return denied(
        fmt::format("the join token '{}' is not good for {}", token.name, identity->name()));
  }
  return token.id;
}

std::vector<Token> AccessBook::tokens() const {
  return state_.with([](const State& state) {
    std::vector<Token> tokens;
    tokens.reserve(state.order.size());
    for (const std::string& id : state.order) tokens.push_back(state.tokens.find(id)->second);
    return tokens;
  });
}

std::map<std::string, std::int64_t> AccessBook::take_used() {
  return state_.with([](State& state) { return std::exchange(state.used, {}); });
}

}  // namespace isopop::control
