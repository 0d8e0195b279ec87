#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/pki/seal.h"
#include "common/result/result.h"
#include "control_plane/registry/sqlite.h"

namespace isopop::control {

inline constexpr std::size_t kSecretBytesMax = 5 * 1024;
inline constexpr std::size_t kSecretsPerWorkerMax = 64;

// A name that code can write as env.NAME: ^[A-Za-z_][A-Za-z0-9_]{0,63}$.
[[nodiscard]] Result<void> check_secret_name(std::string_view name);

// Values that workers get and nobody sees again. On disk they are sealed, each for its worker and
// name, so that one cannot be put in another's place. On the store's thread; what changes something
// does so within the caller's transaction.
class SecretTable final {
 public:
  // Both outlive the object.
  SecretTable(Database& database, const pki::SealKey& key) : database_(database), key_(key) {}

  struct Described {
    std::string name;
    std::string selector;  // as in RolloutPlan; empty: all PoPs
    std::int64_t changed_at_ms = 0;
    std::string changed_by;
  };
  struct Secret {
    std::string worker;
    std::string name;
    std::string selector;
    std::string value;
  };

  // True: it took the place of another. RESOURCE_EXHAUSTED: the worker has too many.
  [[nodiscard]] Result<bool> put(const Secret& secret, const Described& description);
  [[nodiscard]] Result<void> remove(const std::string& worker,
                                    const std::string& name);                    // NOT_FOUND
  [[nodiscard]] Result<std::vector<Described>> list(const std::string& worker);  // by name

  // With their values. DATA_LOSS: the key is not the one they were sealed with.
  [[nodiscard]] Result<std::vector<Secret>> of(const std::string& worker);
  [[nodiscard]] Result<std::vector<Secret>> all();  // by worker and name

 private:
  [[nodiscard]] Result<std::vector<Secret>> read(Statement& rows);

  Database& database_;
  const pki::SealKey& key_;
};

}  // namespace isopop::control
