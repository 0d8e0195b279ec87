#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "common/result/result.h"
#include "isopop/v1/kv.grpc.pb.h"
#include "tests/integration/control_plane/control_process.h"
#include "tests/integration/pop_node/pop_process.h"

namespace isopop {

// A control plane with the namespace "shop", and a worker `kv` bound to it as env.KV; PoPs as a
// test wants them.
class KvFixture : public ::testing::Test {
 protected:
  void SetUp() override;

  // The body of the worker's fetch(request, env, ctx), in which `url` is the request's. Deployed
  // once there are PoPs, and live at all of them when it returns.
  void deploy(const std::string& body, const std::string& isolation = "pristine");
  std::unique_ptr<pop::PopProcess> start_pop(const std::string& id,
                                             std::vector<std::string> arguments = {}) const;
  // What the worker answers there; "STATUS BODY" when it is not a 200.
  static std::string ask(const pop::PopProcess& pop, const std::string& path,
                         const std::string& method = "GET", const std::string& body = "");

  // As people do.
  Result<std::uint64_t> write(const std::string& key, const std::string& value,
                              std::uint64_t stamp = 0, const std::string& origin = "");
  Result<v1::KvReadResponse> read(const std::string& key);
  v1::Kv::Stub& stub();
  // The control plane was started anew, or is new.
  void connect();

  control::test::ControlProcess control_;

 private:
  std::unique_ptr<v1::Kv::Stub> stub_;
};

}  // namespace isopop
