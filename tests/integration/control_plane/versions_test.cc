#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "common/rpc/rpc.h"
#include "control_plane/registry/bundle.h"
#include "isopop/v1/control.grpc.pb.h"
#include "tests/integration/control_plane/control_process.h"

namespace isopop::control::test {
namespace {

using grpc::StatusCode;
using ::testing::HasSubstr;

// Versions and deployments as a client of the contract sees them.
class VersionsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    control_.start();
    stub_ = v1::Control::NewStub(rpc::connect(control_.endpoint()));
  }

  static std::string bundle_of(int n) {
    v1::Bundle bundle;
    bundle.set_main_module("index.js");
    v1::Module& module = *bundle.add_modules();
    module.set_name("index.js");
    module.set_type(v1::MODULE_TYPE_ES_MODULE);
    // More than one piece of a download.
    module.set_content("export default { fetch() { return new Response('hi'); } };//" +
                       std::to_string(n) + std::string(600'000, 'x'));
    return canonical_bundle(bundle, {}).value().bytes;
  }

  v1::DeployResponse upload(int n) {
    const std::string bundle = bundle_of(n);
    grpc::ClientContext context;
    v1::DeployResponse response;
    const auto writer = stub_->Deploy(&context, &response);
    v1::DeployRequest request;
    request.mutable_start()->set_worker("shop");
    request.mutable_start()->set_upload_only(true);
    request.mutable_start()->set_tag("v" + std::to_string(n));
    request.mutable_start()->set_bundle_bytes(bundle.size());
    EXPECT_TRUE(writer->Write(request));
    request.set_bundle_data(bundle);
    EXPECT_TRUE(writer->Write(request));
    writer->WritesDone();
    const grpc::Status status = writer->Finish();
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response;
  }

  static v1::CreateDeploymentRequest split(std::uint64_t version, std::uint32_t weight,
                                           std::uint64_t other) {
    v1::CreateDeploymentRequest request;
    request.set_worker("shop");
    v1::VersionShare& first = *request.add_shares();
    first.set_number(version);
    first.set_weight(weight);
    if (weight < 10'000) {
      v1::VersionShare& second = *request.add_shares();
      second.set_number(other);
      second.set_weight(10'000 - weight);
    }
    return request;
  }

  template <typename Request, typename Response>
  grpc::Status call(grpc::Status (v1::Control::Stub::*method)(grpc::ClientContext*, const Request&,
                                                              Response*),
                    const std::type_identity_t<Request>& request,
                    std::type_identity_t<Response>& response) {
    grpc::ClientContext context;
    return (stub_.get()->*method)(&context, request, &response);
  }
  grpc::Status create(const v1::CreateDeploymentRequest& request, v1::Deployment& made) {
    return call(&v1::Control::Stub::CreateDeployment, request, made);
  }
  grpc::Status remove_version(std::uint64_t number) {
    v1::GetVersionRequest request;
    request.set_worker("shop");
    request.set_number(number);
    v1::DeleteVersionResponse response;
    return call(&v1::Control::Stub::DeleteVersion, request, response);
  }
  grpc::Status roll_back(v1::Deployment& made, bool dry_run = false) {
    v1::RollbackRequest request;
    request.set_worker("shop");
    request.set_message("bad");
    request.set_dry_run(dry_run);
    return call(&v1::Control::Stub::Rollback, request, made);
  }
  grpc::Status get_deployment(std::uint64_t number, v1::Deployment& found) {
    v1::GetDeploymentRequest request;
    request.set_worker("shop");
    request.set_number(number);
    return call(&v1::Control::Stub::GetDeployment, request, found);
  }

  grpc::Status download(std::uint64_t number, std::string& bytes) {
    v1::GetVersionRequest request;
    request.set_worker("shop");
    request.set_number(number);
    grpc::ClientContext context;
    const auto reader = stub_->DownloadVersion(&context, request);
    v1::BundlePiece piece;
    while (reader->Read(&piece)) bytes += piece.data();
    return reader->Finish();
  }

  ControlProcess control_;
  std::unique_ptr<v1::Control::Stub> stub_;
};

TEST_F(VersionsTest, UploadedVersionsAreKeptAndReadBackAndDeployedInShares) {
  EXPECT_EQ(upload(1).version().number(), 1U);
  const v1::DeployResponse second = upload(2);
  EXPECT_EQ(second.version().tag(), "v2");
  EXPECT_FALSE(second.has_deployment());
  v1::Deployment made;
  EXPECT_EQ(get_deployment(0, made).error_code(), StatusCode::NOT_FOUND);

  ASSERT_TRUE(create(split(1, 1'000, 2), made).ok());
  EXPECT_EQ(made.number(), 1U);
  EXPECT_EQ(made.state(), v1::DEPLOYMENT_STATE_LIVE);
  v1::Deployment found;
  ASSERT_TRUE(get_deployment(0, found).ok());
  EXPECT_EQ(found.SerializeAsString(), made.SerializeAsString());
  EXPECT_EQ(found.shares(0).number(), 2U);

  // Number 0 is the heaviest share that is live.
  std::string bytes;
  ASSERT_TRUE(download(0, bytes).ok());
  EXPECT_EQ(bytes, bundle_of(2));
  bytes.clear();
  ASSERT_TRUE(download(1, bytes).ok());
  EXPECT_EQ(bytes, bundle_of(1));
  EXPECT_EQ(download(7, bytes).error_code(), StatusCode::NOT_FOUND);
}

TEST_F(VersionsTest, RollsBackAndDeletesWhatNobodyNeeds) {
  upload(1);
  upload(2);
  v1::Deployment made;
  ASSERT_TRUE(create(split(1, 10'000, 0), made).ok());
  ASSERT_TRUE(create(split(2, 10'000, 0), made).ok());
  EXPECT_EQ(remove_version(2).error_code(), StatusCode::FAILED_PRECONDITION);

  ASSERT_TRUE(roll_back(made, /*dry_run=*/true).ok());
  EXPECT_EQ(made.number(), 3U);
  v1::Deployment found;
  ASSERT_TRUE(get_deployment(0, found).ok());
  EXPECT_EQ(found.number(), 2U);
  ASSERT_TRUE(roll_back(made).ok());
  EXPECT_EQ(made.rolled_back_from(), 2U);
  EXPECT_EQ(made.shares(0).number(), 1U);
  EXPECT_EQ(roll_back(made).error_code(), StatusCode::FAILED_PRECONDITION);

  EXPECT_TRUE(remove_version(2).ok());
  EXPECT_EQ(remove_version(2).error_code(), StatusCode::NOT_FOUND);
  EXPECT_EQ(remove_version(1).error_code(), StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(upload(3).version().number(), 3U);

  v1::ListDeploymentsRequest request;
  request.set_worker("shop");
  v1::ListDeploymentsResponse listed;
  ASSERT_TRUE(call(&v1::Control::Stub::ListDeployments, request, listed).ok());
  ASSERT_EQ(listed.deployments_size(), 3);
  EXPECT_EQ(listed.deployments(0).state(), v1::DEPLOYMENT_STATE_LIVE);
  EXPECT_EQ(listed.deployments(2).state(), v1::DEPLOYMENT_STATE_SUPERSEDED);
}

TEST_F(VersionsTest, DeploymentsThatCannotBeAreRefused) {
  upload(1);
  v1::Deployment made;
  EXPECT_EQ(create(split(9, 10'000, 0), made).error_code(), StatusCode::NOT_FOUND);
  EXPECT_EQ(create(split(1, 5'000, 1), made).error_code(), StatusCode::INVALID_ARGUMENT);
  v1::CreateDeploymentRequest request = split(1, 10'000, 0);
  request.mutable_plan()->add_waves()->set_selector("near=nowhere");
  EXPECT_EQ(create(request, made).error_code(), StatusCode::INVALID_ARGUMENT);
  request = split(1, 10'000, 0);
  request.set_worker("../shop");
  EXPECT_EQ(create(request, made).error_code(), StatusCode::INVALID_ARGUMENT);
  request = split(1, 10'000, 0);
  request.set_message(std::string(5'000, 'x'));
  EXPECT_EQ(create(request, made).error_code(), StatusCode::INVALID_ARGUMENT);
  request = split(1, 10'000, 0);
  request.set_expected_deployment(5);
  const grpc::Status aborted = create(request, made);
  EXPECT_EQ(aborted.error_code(), StatusCode::ABORTED) << aborted.error_message();
  request.set_expected_deployment(1);
  request.set_dry_run(true);
  EXPECT_TRUE(create(request, made).ok());
  EXPECT_EQ(get_deployment(0, made).error_code(), StatusCode::NOT_FOUND);
}

}  // namespace
}  // namespace isopop::control::test
