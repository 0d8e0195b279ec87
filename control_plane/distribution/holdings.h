#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "control_plane/distribution/catalog.h"
#include "isopop/v1/distribution.pb.h"

namespace isopop::control {

// A PoP's refusal of an assignment.
struct Refused {
  std::string digest;
  std::string error;
};

// What one PoP has under each worker's name, and what it refused: forty bytes a worker, as there
// are 330 PoPs with thousands of workers each, and what many have in common is shared. Not
// thread-safe: a plain part of the distributor's.
class Holdings final {
 public:
  // The time of one that was there before it was asked for.
  static constexpr float kNoTime = -1.0F;

  struct Entry {
    WorkerIndex worker = 0;
    float ack_ms = kNoTime;                       // commit of its deployment to acknowledgement
    std::shared_ptr<const v1::HeldVersion> held;  // null: nothing
    std::shared_ptr<const Refused> refused;       // the last one; null: none
  };
  enum class Answer { kNone, kAcknowledged, kRefused };

  // Null: nothing is known of it.
  [[nodiscard]] const Entry* find(WorkerIndex worker) const;
  [[nodiscard]] Entry& at(WorkerIndex worker);  // made when it is not there
  void erase(WorkerIndex worker);
  void clear() { entries_.clear(); }
  [[nodiscard]] const std::vector<Entry>& entries() const { return entries_; }  // by index

  // How it answered to what it is to run; null: nothing under that name.
  [[nodiscard]] Answer answer_to(WorkerIndex worker, const DesiredRef& desired) const;

 private:
  std::vector<Entry> entries_;
};

}  // namespace isopop::control
