#include "tests/integration/kv/kv_fixture.h"

#include <utility>

#include "common/rpc/rpc.h"
#include "tests/support/wait.h"

namespace isopop {

void KvFixture::SetUp() {
  control_.start();
  connect();
  v1::KvNamespaceRequest request;
  request.set_name("shop");
  grpc::ClientContext context;
  v1::KvNamespace created;
  const grpc::Status status = stub_->CreateNamespace(&context, request, &created);
  ASSERT_TRUE(status.ok()) << status.error_message();
}

void KvFixture::connect() {
  stub_ = v1::Kv::NewStub(rpc::connect(control_.endpoint()));
}

v1::Kv::Stub& KvFixture::stub() {
  return *stub_;
}

void KvFixture::deploy(const std::string& body, const std::string& isolation) {
  static_cast<void>(
      control_.write("kv-code/worker.yaml",
                     "kv: { KV: shop }\nlimits: { cpu: 2 s }\nisolation: " + isolation + "\n"));
  const auto outcome = control_.deploy("kv",
                                       "export default { async fetch(request, env, ctx) {\n"
                                       "const url = new URL(request.url);\n" +
                                           body + "\n} }",
                                       {"--wait"});
  ASSERT_EQ(outcome.status.code, 0) << outcome.describe() << control_.log();
}

std::unique_ptr<pop::PopProcess> KvFixture::start_pop(const std::string& id,
                                                      std::vector<std::string> arguments) const {
  auto pop = std::make_unique<pop::PopProcess>(
      control_.endpoint(), pop::PopProcessOptions{.id = id, .arguments = std::move(arguments)});
  EXPECT_FALSE(pop->address().empty()) << pop->log();
  EXPECT_TRUE(test::wait_until([&pop] {
    const auto ready = pop::request(pop->address(), "any", "/__isopop/readyz");
    return ready.ok() && ready.value().status == 200;
  })) << pop->log();
  return pop;
}

std::string KvFixture::ask(const pop::PopProcess& pop, const std::string& path,
                           const std::string& method, const std::string& body) {
  const Result<pop::RawResponse> answer =
      pop::request(pop.address(), "kv.isopop.test", path, method, body);
  if (!answer.ok()) return answer.error().message;
  if (answer.value().status == 200) return answer.value().body;
  return std::to_string(answer.value().status) + " " + answer.value().body;
}

Result<std::uint64_t> KvFixture::write(const std::string& key, const std::string& value,
                                       std::uint64_t stamp, const std::string& origin) {
  v1::KvWriteRequest request;
  v1::KvWriteRequest::Write& write = *request.add_writes();
  write.set_namespace_("shop");
  write.set_key(key);
  write.set_value(value);
  write.set_stamp(stamp);
  request.set_origin(origin);
  grpc::ClientContext context;
  v1::KvWriteResponse response;
  const grpc::Status status = stub_->Write(&context, request, &response);
  if (!status.ok()) return rpc::to_error(status);
  return response.stamps(0);
}

Result<v1::KvReadResponse> KvFixture::read(const std::string& key) {
  v1::KvReadRequest request;
  request.set_namespace_("shop");
  request.set_key(key);
  grpc::ClientContext context;
  v1::KvReadResponse response;
  const grpc::Status status = stub_->Read(&context, request, &response);
  if (!status.ok()) return rpc::to_error(status);
  return response;
}

}  // namespace isopop
