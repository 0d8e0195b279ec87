#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <string>

#include "common/result/result.h"
#include "common/time/clock.h"
#include "control_plane/kv/kv_interest.h"
#include "control_plane/registry/store.h"
#include "isopop/v1/kv.pb.h"

namespace isopop::control {

// Reads, many at a time: all that wait for one key are answered from one look at the disk, so that
// a fresh key that every PoP wants at once is read once. Answers with large values are given only
// as room for them is free again: their readers wait in line.
//
// Thread-safe; the work is done on the store's thread.
class KvReader final {
 public:
  struct Limits {
    std::size_t waiting_max = 50'000;
    // Of answers that were given and not yet sent, beyond kSmallBytes each.
    std::size_t answer_bytes_max = std::size_t{32} << 20U;
  };
  static constexpr std::size_t kSmallBytes = std::size_t{64} << 10U;

  // Whoever gets an answer says when it was sent: release(answer_bytes).
  using Answer = std::function<void(const Result<v1::KvReadResponse>&)>;
  // On the store's thread: whoever is given a copy is known before the key can change again.
  using OnReading = std::function<void(const std::string& reader, const KvKey& key)>;

  // All outlive the object, and it outlives every read: who asked waits for the answer.
  KvReader(Store& store, const Clock& clock, OnReading on_reading, Limits limits);
  KvReader(Store& store, const Clock& clock, OnReading on_reading)
      : KvReader(store, clock, std::move(on_reading), Limits{}) {}

  // Answers on the store's thread, or at once with RESOURCE_EXHAUSTED. `reader` may be empty:
  // keeps no copy.
  void read(KvKey key, std::string reader, Answer answer);
  // What an answer holds of the room.
  [[nodiscard]] static std::size_t room_for(const v1::KvReadResponse& answer) {
    return answer.value().size() > kSmallBytes ? answer.value().size() : 0;
  }
  void release(std::size_t bytes);

 private:
  struct Waiting {
    KvKey key;
    std::string reader;
    Answer answer;
  };

  void drain(Registry& registry);
  void go_on();
  // False: it waits for room.
  [[nodiscard]] bool take_room(Waiting& waiting, std::size_t bytes);

  Store& store_;
  const Clock& clock_;
  OnReading on_reading_;
  Limits limits_;

  std::mutex mutex_;
  std::deque<Waiting> waiting_;
  std::deque<Waiting> waiting_for_room_;
  std::size_t answer_bytes_ = 0;
  bool is_posted_ = false;
};

}  // namespace isopop::control
