#include "tests/integration/router/rpc/fake_control.h"

#include <grpcpp/grpcpp.h>

#include <condition_variable>
#include <map>
#include <mutex>
#include <utility>

#include "common/rpc/rpc.h"
#include "isopop/v1/control.grpc.pb.h"

namespace isopop::test {
namespace {

v1::PopState to_wire(router::PopState state) {
  switch (state) {
    case router::PopState::kStarting:
      return v1::POP_STATE_STARTING;
    case router::PopState::kReady:
      return v1::POP_STATE_READY;
    case router::PopState::kDown:
      return v1::POP_STATE_DOWN;
  }
  return v1::POP_STATE_UNSPECIFIED;
}

v1::Pop to_wire(const router::Pop& pop) {
  v1::Pop wire;
  v1::PopIdentity& identity = *wire.mutable_identity();
  identity.set_id(pop.id);
  identity.set_city(pop.city);
  identity.set_country(pop.country);
  identity.set_latitude_deg(pop.place.latitude_deg);
  identity.set_longitude_deg(pop.place.longitude_deg);
  wire.set_http_address(pop.http_address);
  wire.set_state(to_wire(pop.state));
  if (pop.is_drained) wire.set_service(v1::POP_SERVICE_DRAINED);
  return wire;
}

}  // namespace

class FakeControl::Service final : public v1::Control::Service {
 public:
  explicit Service(const std::string& address)
      : server_(std::move(rpc::Server::create(address, {this})).value()) {}

  ~Service() override {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    changed_.notify_all();
    server_->shutdown(std::chrono::milliseconds(100));
  }

  [[nodiscard]] const std::string& address() const { return server_->address(); }

  void announce(const std::vector<router::Pop>& pops) {
    {
      const std::lock_guard lock(mutex_);
      for (const router::Pop& pop : pops) {
        const v1::Pop wire = to_wire(pop);
        pops_[pop.id] = wire;
        log_.push_back(wire);
      }
    }
    changed_.notify_all();
  }

  [[nodiscard]] std::string router_address() const {
    const std::lock_guard lock(mutex_);
    return router_address_;
  }

  grpc::Status WatchPops(grpc::ServerContext* context, const v1::WatchPopsRequest* request,
                         grpc::ServerWriter<v1::PopsUpdate>* writer) override {
    std::unique_lock lock(mutex_);
    router_address_ = request->router_http_address();
    v1::PopsUpdate snapshot;
    snapshot.set_snapshot(true);
    for (const auto& [id, pop] : pops_) *snapshot.add_pops() = pop;
    std::size_t told = log_.size();
    writer->Write(snapshot);
    while (!stopping_ && !context->IsCancelled()) {
      if (told == log_.size()) {
        changed_.wait_for(lock, std::chrono::milliseconds(50));
        continue;
      }
      v1::PopsUpdate update;
      for (; told < log_.size(); ++told) *update.add_pops() = log_[told];
      writer->Write(update);
    }
    return {grpc::StatusCode::UNAVAILABLE, "the control plane stops"};
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, v1::Pop> pops_;
  std::vector<v1::Pop> log_;  // every change, in order
  std::string router_address_;
  bool stopping_ = false;
  std::unique_ptr<rpc::Server> server_;  // last: serves while all above is there
};

FakeControl::FakeControl(const std::string& address)
    : service_(std::make_unique<Service>(address)) {}
FakeControl::~FakeControl() = default;

const std::string& FakeControl::address() const {
  return service_->address();
}
void FakeControl::announce(const std::vector<router::Pop>& pops) {
  service_->announce(pops);
}
std::string FakeControl::router_address() const {
  return service_->router_address();
}

}  // namespace isopop::test
