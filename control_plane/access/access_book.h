#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "common/result/result.h"
#include "common/sync/guarded.h"
#include "common/time/clock.h"
#include "control_plane/access/caller.h"
#include "control_plane/access/token.h"

namespace isopop::control {

// The tokens and revoked programs as they are checked at each call: what AccessTable has, in
// memory. Whoever changes the table tells the book once the transaction is committed. Thread-safe.
class AccessBook final {
 public:
  explicit AccessBook(const Clock& clock) : clock_(clock) {}

  // Replaces everything but when tokens were used.
  void fill(const std::vector<Token>& tokens, const std::set<std::string>& revoked_identities);

  // Who shows the token. UNAUTHENTICATED: it is none of ours, or not any more; a join token is
  // none for people.
  [[nodiscard]] Result<Caller> person(std::string_view token_text);
  // PERMISSION_DENIED: the program's identity was revoked.
  [[nodiscard]] Result<Caller> program(const pki::ProgramIdentity& identity) const;
  // The id of a join token that is good for the program; without one, for some program.
  // PERMISSION_DENIED says why not.
  [[nodiscard]] Result<std::string> may_join(std::string_view token_text,
                                             const pki::ProgramIdentity* identity);

  [[nodiscard]] std::vector<Token> tokens() const;  // with when they were used
  // Which tokens were used since this was last asked, and when: to be written down.
  [[nodiscard]] std::map<std::string, std::int64_t> take_used();

 private:
  struct State {
    std::map<std::string, Token, std::less<>> tokens;  // by id
    std::vector<std::string> order;
    std::set<std::string> revoked_identities;
    std::map<std::string, std::int64_t> used;
  };
  // The token with that text; nothing when there is none.
  [[nodiscard]] Result<Token> find(State& state, std::string_view text) const;

  const Clock& clock_;
  Guarded<State> state_;
};

}  // namespace isopop::control
