#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "router/policy/pop_table.h"

namespace isopop::test {

// A control plane that knows WatchPops and nothing else: tells each router that asks the list of
// PoPs, and then each change. Thread-safe; serves until destroyed, and may be started again on the
// same address.
class FakeControl {
 public:
  explicit FakeControl(const std::string& address = "127.0.0.1:0");
  ~FakeControl();
  FakeControl(const FakeControl&) = delete;
  FakeControl& operator=(const FakeControl&) = delete;

  [[nodiscard]] const std::string& address() const;
  // Tells of PoPs that are new or changed.
  void announce(const std::vector<router::Pop>& pops);
  // What the router said its address is; "" until one has come.
  [[nodiscard]] std::string router_address() const;

 private:
  class Service;
  std::unique_ptr<Service> service_;
};

}  // namespace isopop::test
