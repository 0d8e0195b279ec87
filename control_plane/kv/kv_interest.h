#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace isopop::control {

struct KvKey {
  std::string space;  // the namespace's name
  std::string key;
  auto operator<=>(const KvKey&) const = default;
};

// Who has a copy of which key, and so has to hear when it changes. A reader is a PoP or a relay,
// told once a change: it asks anew when it wants the key again, and is in the book again then. Of
// bounded size: when the book is full all readers are told to forget everything, and it begins
// anew. A reader that loses its connection forgets by itself, so nobody needs to be taken out.
// Pure; not thread-safe.
class KvInterest final {
 public:
  struct Limits {
    std::size_t marks_max = 1'000'000;  // pairs of key and reader; each four bytes
    std::size_t key_bytes_max = std::size_t{16} << 20U;
  };
  using Readers = std::vector<std::string>;

  KvInterest() : KvInterest(Limits{}) {}
  explicit KvInterest(Limits limits) : limits_(limits) {}

  // The reader is given a copy. Those that must forget all that they have, because the book was
  // full: mostly none.
  [[nodiscard]] Readers add(const std::string& reader, const KvKey& key);
  // The key has changed: who has an old copy. They are out of the book.
  [[nodiscard]] Readers changed(const KvKey& key);
  // The whole namespace is gone: who has copies of any key of it.
  [[nodiscard]] Readers space_deleted(const std::string& space);

  [[nodiscard]] std::size_t marks() const { return marks_; }

 private:
  [[nodiscard]] Readers start_anew();
  [[nodiscard]] std::uint32_t number_of(const std::string& reader);

  Limits limits_;
  std::map<KvKey, std::vector<std::uint32_t>> readers_;  // ascending numbers
  std::map<std::string, std::uint32_t> numbers_;
  Readers names_;  // by number
  std::size_t marks_ = 0;
  std::size_t key_bytes_ = 0;
};

}  // namespace isopop::control
