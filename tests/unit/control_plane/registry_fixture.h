#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/files/files.h"
#include "control_plane/registry/registry.h"

namespace isopop::control {

// A registry on a database of its own.
class RegistryFixture : public ::testing::Test {
 protected:
  void SetUp() override { reopen(); }

  void reopen(const pki::SigningKey* key = nullptr) {
    registry_.reset();
    Result<std::unique_ptr<Registry>> opened = Registry::open(path(), clock_, key);
    ASSERT_TRUE(opened.ok()) << opened.error().message;
    registry_ = std::move(opened).value();
  }

  [[nodiscard]] std::filesystem::path path() const { return folder_.path() / "control.db"; }

  static NewVersion version_of(const std::string& worker, const std::string& code,
                               std::vector<std::string> routes = {}) {
    v1::Bundle bundle;
    bundle.set_main_module("index.js");
    v1::Module& module = *bundle.add_modules();
    module.set_name("index.js");
    module.set_type(v1::MODULE_TYPE_ES_MODULE);
    module.set_content(code);
    return {.worker = worker,
            .routes = std::move(routes),
            .settings = {},
            .bundle = canonical_bundle(bundle, {}).value(),
            .author = "tester",
            .message = "why",
            .tag = {}};
  }

  // Waves that an operator would watch.
  static v1::RolloutPlan waved() {
    v1::RolloutPlan plan;
    v1::RolloutPlan::Wave& wave = *plan.add_waves();
    wave.set_name("canary");
    wave.set_selector("AMS");
    plan.add_abort_on("nack");
    return plan;
  }

  Registry::Deployed deploy(const NewVersion& wanted, const v1::RolloutPlan& plan = {}) {
    return checked(registry_->deploy(wanted, plan, std::nullopt, Write::kKeep, actor_));
  }
  v1::WorkerVersion upload(const NewVersion& wanted) {
    return checked(registry_->upload(wanted, std::nullopt, Write::kKeep, actor_)).version;
  }

  struct Weighted {
    std::uint64_t version;
    std::uint32_t weight;
  };
  static NewDeployment deployment_of(const std::string& worker,
                                     const std::vector<Weighted>& shares) {
    NewDeployment wanted{.worker = worker,
                         .shares = {},
                         .stickiness = {},
                         .plan = {},
                         .expected = std::nullopt,
                         .author = "tester",
                         .message = "split",
                         .rolled_back_from = 0};
    for (const Weighted& each : shares) {
      v1::VersionShare& share = wanted.shares.emplace_back();
      share.set_number(each.version);
      share.set_weight(each.weight);
    }
    return wanted;
  }
  Result<v1::Deployment> create(const NewDeployment& wanted) {
    return registry_->create_deployment(wanted, Write::kKeep, actor_);
  }
  Result<v1::Deployment> roll_back(const std::string& worker, std::uint64_t version = 0) {
    return registry_->rollback({.worker = worker,
                                .version = version,
                                .expected = std::nullopt,
                                .author = "tester",
                                .message = "bad"},
                               Write::kKeep, actor_);
  }
  Result<v1::Deployment> bring(const v1::Deployment& deployment, v1::DeploymentState state,
                               const std::string& reason = {}) {
    return registry_->set_deployment_state({.worker = deployment.worker(),
                                            .number = deployment.number(),
                                            .state = state,
                                            .wave = 0,
                                            .reason = reason},
                                           actor_);
  }
  // What the worker is, 0 for nothing.
  std::uint64_t live_number(const std::string& worker) {
    const CurrentWorker now = registry_->current(worker).value();
    return now.base ? now.base->shares(0).number() : 0;
  }

  template <typename T>
  static T checked(Result<T> result) {
    EXPECT_TRUE(result.ok()) << (result.ok() ? "" : result.error().message);
    return result.ok() ? std::move(result).value() : T{};
  }

  TempFolder folder_ = TempFolder::create("isopop-registry-").value();
  ManualClock clock_{from_unix_ms(1'795'000'000'000)};
  Actor actor_{.name = "token:test"};
  std::unique_ptr<Registry> registry_;
};

}  // namespace isopop::control
