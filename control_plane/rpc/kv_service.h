#pragma once

#include <boost/asio/steady_timer.hpp>
#include <string>

#include "common/event_loop/asio.h"
#include "common/metrics/metrics_registry.h"
#include "common/time/clock.h"
#include "control_plane/kv/kv_interest.h"
#include "control_plane/kv/kv_outbox.h"
#include "control_plane/kv/kv_reader.h"
#include "control_plane/kv/kv_writer.h"
#include "control_plane/rpc/authorize.h"
#include "control_plane/rpc/control_loop.h"
#include "isopop/v1/kv.grpc.pb.h"

namespace isopop::control {

// gRPC's side of key-value namespaces, for people and PoPs, and the telling of PoPs: who has read a
// key is sent an invalidation when it changes, gathered for kTellInterval.
//
// Reads and lists are for readers and programs; writes for programs and for deployers whose
// patterns fit every worker, since a namespace is no worker's own; namespaces are made and deleted
// by the same deployers. No call holds a thread. The interest is kept on the store's thread, where
// reads and writes happen one after the other; the outbox on the control loop.
class KvService final : public v1::Kv::CallbackService {
 public:
  static constexpr std::chrono::milliseconds kTellInterval{20};

  // All outlive the object.
  KvService(asio::io_context& io, const Clock& clock, ControlLoop& loop,
            const Authorizer& authorizer, MetricsRegistry& metrics);

  grpc::ServerUnaryReactor* CreateNamespace(grpc::CallbackServerContext* context,
                                            const v1::KvNamespaceRequest* request,
                                            v1::KvNamespace* response) override;
  grpc::ServerUnaryReactor* ListNamespaces(grpc::CallbackServerContext* context,
                                           const v1::KvListNamespacesRequest* request,
                                           v1::KvListNamespacesResponse* response) override;
  grpc::ServerUnaryReactor* DeleteNamespace(grpc::CallbackServerContext* context,
                                            const v1::KvNamespaceRequest* request,
                                            v1::KvDeleteNamespaceResponse* response) override;
  grpc::ServerUnaryReactor* Read(grpc::CallbackServerContext* context,
                                 const v1::KvReadRequest* request,
                                 v1::KvReadResponse* response) override;
  grpc::ServerUnaryReactor* Write(grpc::CallbackServerContext* context,
                                  const v1::KvWriteRequest* request,
                                  v1::KvWriteResponse* response) override;
  grpc::ServerUnaryReactor* List(grpc::CallbackServerContext* context,
                                 const v1::KvListRequest* request,
                                 v1::KvListResponse* response) override;

 private:
  void on_reading(const std::string& reader, const KvKey& key);
  void on_changed(const std::vector<KvWriter::Changed>& changed);
  // On the control loop.
  void tell_later();
  void tell();

  const Clock& clock_;
  ControlLoop& loop_;
  const Authorizer& authorizer_;
  CounterMetric reads_;
  CounterMetric writes_;
  CounterMetric transactions_;
  CounterMetric invalidations_;
  KvInterest interest_;
  KvWriter writer_;
  KvReader reader_;
  KvOutbox outbox_;
  asio::steady_timer timer_;
  bool is_telling_ = false;
};

}  // namespace isopop::control
