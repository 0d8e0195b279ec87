#include "tests/integration/control_plane/scripted_pop.h"

#include "common/rpc/rpc.h"
#include "control_plane/distribution/distributor.h"

namespace isopop::control::test {

ScriptedPop::ScriptedPop(const std::string& endpoint, const std::string& id,
                         const std::string& region)
    : stub_(v1::Distribution::NewStub(rpc::connect(endpoint))), stream_(stub_->Stream(&context_)) {
  v1::PopMessage message;
  v1::Hello& hello = *message.mutable_hello();
  hello.set_protocol_version(kProtocolVersion);
  hello.mutable_identity()->set_id(id);
  hello.mutable_identity()->set_region(region);
  hello.set_http_address("127.0.0.1:8080");
  say(message);
  reader_ = std::thread([this] { read(); });
}

ScriptedPop::~ScriptedPop() {
  context_.TryCancel();
  reader_.join();
  stream_->Finish();
}

void ScriptedPop::say(const v1::PopMessage& message) {
  const std::lock_guard lock(write_mutex_);
  stream_->Write(message);
}

std::vector<v1::ControlMessage> ScriptedPop::heard() const {
  const std::lock_guard lock(mutex_);
  return heard_;
}

void ScriptedPop::read() {
  v1::ControlMessage message;
  while (stream_->Read(&message)) {
    if (message.has_push()) {
      v1::PopMessage answer;
      answer.mutable_ack()->set_nonce(message.push().nonce());
      say(answer);
    }
    const std::lock_guard lock(mutex_);
    heard_.push_back(message);
  }
}

}  // namespace isopop::control::test
