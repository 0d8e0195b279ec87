#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/files/files.h"
#include "common/process/child.h"
#include "router/policy/pop_table.h"
#include "tests/integration/http/raw_client.h"
#include "tests/integration/http/threaded_server.h"
#include "tests/integration/router/rpc/fake_control.h"

namespace isopop::test {

// The real isopop-router as a process, under a control plane that the test plays.
class RouterTest : public testing::Test {
 protected:
  RouterTest();

  // Starts the router with these flags beside those it always needs, and waits until it serves.
  void start_router(const std::vector<std::string>& flags = {});
  // Tells of the PoPs and waits until the router knows a ready one.
  void announce(const std::vector<router::Pop>& pops);
  // Ends it by SIGTERM; its exit status.
  std::optional<ExitStatus> stop_router();

  // GET / of host hello.test through the router.
  http::FetchOutcome get(const http::Headers& headers = {});
  // The value of a metric's line, as "isopop_router_failovers_total"; absent if there is none.
  std::optional<double> metric(const std::string& name);
  [[nodiscard]] std::string router_log() const;

  TempFolder state_;
  std::unique_ptr<FakeControl> control_;
  std::string control_address_;  // stays when the control plane is gone
  std::optional<Child> router_;
  std::string address_;
  BlockingClient client_;
};

// Three PoPs far apart: Amsterdam, New York, Tokyo.
[[nodiscard]] router::Pop amsterdam(const std::string& http_address);
[[nodiscard]] router::Pop new_york(const std::string& http_address);
[[nodiscard]] router::Pop tokyo(const std::string& http_address);

// The value of a response's header; "" if it is not there or there is no response.
[[nodiscard]] std::string header(const http::FetchOutcome& outcome, std::string_view name);
// Its status; 0 if there is no response.
[[nodiscard]] unsigned status(const http::FetchOutcome& outcome);
[[nodiscard]] std::string body(const http::FetchOutcome& outcome);

}  // namespace isopop::test
