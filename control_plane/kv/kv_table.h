#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/result/result.h"
#include "common/time/clock.h"
#include "control_plane/registry/sqlite.h"
#include "isopop/v1/kv.pb.h"

namespace isopop::control {

// Namespaces and their entries on disk. Of two writes of a key the one with the greater (stamp,
// origin) stays, in whatever order they come. A deleted key leaves a tombstone, so that an older
// write that comes late does not bring it back; it is swept after kTombstonesKept, when no write
// with an older stamp is believed any more. Keys that have expired are not there for readers and
// are swept later.
//
// Short-lived: made where it is used, on the store's thread. Does not begin transactions; who
// writes does. Limits and names have been checked.
class KvTable final {
 public:
  static constexpr std::chrono::minutes kTombstonesKept{60};
  static constexpr std::size_t kNamespacesMax = 1'000;

  // Both outlive the object.
  KvTable(Database& database, const Clock& clock) : database_(database), clock_(clock) {}

  // ALREADY_EXISTS; RESOURCE_EXHAUSTED beyond kNamespacesMax.
  [[nodiscard]] Result<v1::KvNamespace> create_namespace(const std::string& name);
  // By name.
  [[nodiscard]] Result<std::vector<v1::KvNamespace>> namespaces();
  // With all its keys. NOT_FOUND.
  [[nodiscard]] Result<void> delete_namespace(const std::string& name);
  // NOT_FOUND, with what to do about it.
  [[nodiscard]] Result<void> check_namespace(const std::string& name);

  // NOT_FOUND: the namespace. A key that is not there is found = false.
  [[nodiscard]] Result<v1::KvReadResponse> read(const std::string& name, const std::string& key);
  [[nodiscard]] Result<v1::KvListResponse> list(const v1::KvListRequest& request);

  struct Outcome {
    std::uint64_t stamp = 0;  // of what is true now
    bool changed = false;     // by this write
  };
  // `stamp` is the write's; the one in it is not looked at. finish_writes() follows the last one,
  // in the same transaction.
  [[nodiscard]] Result<Outcome> write(const v1::KvWriteRequest::Write& write, std::uint64_t stamp,
                                      const std::string& origin);
  [[nodiscard]] Result<void> finish_writes(std::uint64_t last_stamp);
  // The greatest stamp that was ever kept by finish_writes().
  [[nodiscard]] Result<std::uint64_t> last_stamp();

  // Removes expired keys and old tombstones, at most `rows_max` of each. How many.
  [[nodiscard]] Result<std::size_t> sweep(std::size_t rows_max);

 private:
  struct Sizes {
    std::int64_t keys = 0;
    std::int64_t bytes = 0;
  };
  struct Present {
    std::uint64_t stamp = 0;
    std::string origin;
    Sizes sizes;  // of what counts in the namespace's figures
  };

  [[nodiscard]] Result<std::int64_t> namespace_id(const std::string& name);
  [[nodiscard]] Result<std::optional<Present>> present(std::int64_t space, const std::string& key);
  [[nodiscard]] Result<void> put(std::int64_t space, const v1::KvWriteRequest::Write& write,
                                 std::uint64_t stamp, const std::string& origin);
  [[nodiscard]] Result<std::size_t> sweep_rows(std::string_view condition, std::int64_t before,
                                               std::size_t rows_max);
  [[nodiscard]] Result<void> add_sizes();
  [[nodiscard]] std::int64_t now_s() const { return to_unix_ms(clock_.wall_now()) / 1000; }

  Database& database_;
  const Clock& clock_;
  std::map<std::string, std::int64_t> ids_;
  std::map<std::int64_t, Sizes> added_;  // by namespace, not yet in its row
  std::optional<Statement> select_;
  std::optional<Statement> upsert_;
};

}  // namespace isopop::control
