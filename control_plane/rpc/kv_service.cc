#include "control_plane/rpc/kv_service.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "common/rpc/rpc.h"
#include "control_plane/audit/audit_log.h"
#include "control_plane/kv/kv_limits.h"
#include "control_plane/kv/kv_table.h"
#include "control_plane/registry/names.h"
#include "control_plane/rpc/refusal.h"

namespace isopop::control {
namespace {

constexpr std::string_view kPopActor = "pop/";

// Programs and people may, each by their own right.
Result<Actor> authorize_either(const Authorizer& authorizer,
                               const grpc::CallbackServerContext& context, Permission of_people) {
  Result<Actor> person = authorizer.authorize(context, of_people);
  if (person.ok()) return person;
  Result<Actor> program = authorizer.authorize(context, Permission::kProgram);
  return program.ok() ? std::move(program) : std::move(person);
}

// Under which name the caller is known as the keeper of copies, `said` being what it says itself. A
// PoP with an identity cannot speak for another.
std::string keeper(const Actor& actor, const std::string& said) {
  if (actor.name.starts_with(kPopActor)) return actor.name.substr(kPopActor.size());
  return said;
}

// Whose writes they are in the order of stamps.
std::string origin_of(const Actor& actor, const std::string& said) {
  if (actor.name.starts_with(kPopActor)) return actor.name.substr(kPopActor.size());
  if (actor.name.starts_with("token:")) return {};
  return said;
}

// The workers that are live or under way with a binding to the namespace.
std::set<std::string> workers_bound_to(const std::vector<CurrentWorker>& workers,
                                       const std::string& space) {
  std::set<std::string> bound;
  for (const CurrentWorker& worker : workers) {
    for (const auto& [number, version] : worker.versions) {
      for (const v1::KvBinding& binding : version.settings().kv()) {
        if (binding.namespace_() == space) bound.insert(worker.worker);
      }
    }
  }
  return bound;
}

Result<void> check_unused(Registry& registry, const std::string& space) {
  ISOPOP_TRY_ASSIGN(const std::vector<CurrentWorker> workers, registry.all_current());
  const std::set<std::string> bound = workers_bound_to(workers, space);
  if (bound.empty()) return {};
  return Error{ErrorCode::kFailedPrecondition,
               fmt::format("the KV namespace {} is bound to {} and not deleted; --force deletes it "
                           "all the same",
                           in_quotes(space), fmt::join(bound, ", "))};
}

Result<v1::KvNamespace> create_namespace(Registry& registry, const Clock& clock,
                                         const std::string& name, const Actor& actor) {
  ISOPOP_TRY_ASSIGN(Transaction transaction, Transaction::begin(registry.database()));
  KvTable table(registry.database(), clock);
  ISOPOP_TRY_ASSIGN(v1::KvNamespace created, table.create_namespace(name));
  AuditLog log(registry.database(), clock);
  ISOPOP_TRY(log.append({.actor = actor,
                         .action = "kv.namespace.create",
                         .object = "kv/" + name,
                         .detail_json = {}}));
  ISOPOP_TRY(transaction.commit());
  return created;
}

Result<void> delete_namespace(Registry& registry, const Clock& clock,
                              const v1::KvNamespaceRequest& request, const Actor& actor) {
  ISOPOP_TRY_ASSIGN(Transaction transaction, Transaction::begin(registry.database()));
  KvTable table(registry.database(), clock);
  ISOPOP_TRY(table.check_namespace(request.name()));
  if (!request.force()) ISOPOP_TRY(check_unused(registry, request.name()));
  ISOPOP_TRY(table.delete_namespace(request.name()));
  AuditLog log(registry.database(), clock);
  ISOPOP_TRY(log.append({.actor = actor,
                         .action = "kv.namespace.delete",
                         .object = "kv/" + request.name(),
                         .detail_json = {}}));
  return transaction.commit();
}

// Gives the room that its answer took back when gRPC is done with it.
class ReadCall final : public grpc::ServerUnaryReactor {
 public:
  ReadCall(KvReader& reader, v1::KvReadResponse& response) : reader_(reader), response_(response) {}

  void answer(const Result<v1::KvReadResponse>& found) {
    if (!found.ok()) return Finish(rpc::to_status(found.error()));
    response_ = found.value();
    room_ = KvReader::room_for(response_);
    Finish(grpc::Status::OK);
  }
  void OnDone() override {
    reader_.release(room_);
    delete this;  // NOLINT(cppcoreguidelines-owning-memory)
  }

 private:
  KvReader& reader_;
  v1::KvReadResponse& response_;
  std::size_t room_ = 0;
};

Result<void> check_list(const v1::KvListRequest& request) {
  ISOPOP_TRY(check_kv_namespace_name(request.namespace_()));
  if (request.limit() > kKvListMax) {
    return invalid_argument(fmt::format("the limit must be 1 to {}", kKvListMax));
  }
  if (request.prefix().size() > kKvKeyBytesMax || request.cursor().size() > kKvKeyBytesMax) {
    return invalid_argument(fmt::format("prefix and cursor have at most {} bytes", kKvKeyBytesMax));
  }
  return {};
}

}  // namespace

KvService::KvService(asio::io_context& io, const Clock& clock, ControlLoop& loop,
                     const Authorizer& authorizer, MetricsRegistry& metrics)
    : clock_(clock),
      loop_(loop),
      authorizer_(authorizer),
      reads_(metrics.counter("isopop_control_kv_reads_total", "KV reads asked here.")),
      writes_(metrics.counter("isopop_control_kv_writes_total", "KV keys that were changed.")),
      transactions_(metrics.counter("isopop_control_kv_transactions_total",
                                    "Transactions that KV writes were committed in.")),
      invalidations_(metrics.counter("isopop_control_kv_invalidations_total",
                                     "Messages to PoPs about changed KV keys.")),
      writer_(loop.store(), clock,
              [this](const std::vector<KvWriter::Changed>& changed) { on_changed(changed); }),
      reader_(loop.store(), clock,
              [this](const std::string& reader, const KvKey& key) { on_reading(reader, key); }),
      timer_(io) {}

grpc::ServerUnaryReactor* KvService::CreateNamespace(grpc::CallbackServerContext* context,
                                                     const v1::KvNamespaceRequest* request,
                                                     v1::KvNamespace* response) {
  const Result<Actor> actor = authorizer_.authorize(*context, Permission::kDeploy);
  if (!actor.ok()) return refuse_call(*context, actor.error());
  if (const Result<void> fits = check_kv_namespace_name(request->name()); !fits.ok()) {
    return refuse_call(*context, fits.error());
  }
  grpc::ServerUnaryReactor* call = context->DefaultReactor();
  const bool taken = loop_.store().post(
      [this, call, response, name = request->name(), actor = actor.value()](Registry& registry) {
        Result<v1::KvNamespace> created = create_namespace(registry, clock_, name, actor);
        if (!created.ok()) return call->Finish(rpc::to_status(created.error()));
        *response = std::move(created).value();
        call->Finish(grpc::Status::OK);
      });
  if (!taken) call->Finish(rpc::to_status(Store::busy_error()));
  return call;
}

grpc::ServerUnaryReactor* KvService::ListNamespaces(grpc::CallbackServerContext* context,
                                                    const v1::KvListNamespacesRequest* /*request*/,
                                                    v1::KvListNamespacesResponse* response) {
  const Result<Actor> actor = authorize_either(authorizer_, *context, Permission::kRead);
  if (!actor.ok()) return refuse_call(*context, actor.error());
  grpc::ServerUnaryReactor* call = context->DefaultReactor();
  const bool taken = loop_.store().post([this, call, response](Registry& registry) {
    KvTable table(registry.database(), clock_);
    Result<std::vector<v1::KvNamespace>> all = table.namespaces();
    if (!all.ok()) return call->Finish(rpc::to_status(all.error()));
    for (v1::KvNamespace& space : all.value()) *response->add_namespaces() = std::move(space);
    call->Finish(grpc::Status::OK);
  });
  if (!taken) call->Finish(rpc::to_status(Store::busy_error()));
  return call;
}

grpc::ServerUnaryReactor* KvService::DeleteNamespace(grpc::CallbackServerContext* context,
                                                     const v1::KvNamespaceRequest* request,
                                                     v1::KvDeleteNamespaceResponse* /*response*/) {
  const Result<Actor> actor = authorizer_.authorize(*context, Permission::kDeploy);
  if (!actor.ok()) return refuse_call(*context, actor.error());
  if (const Result<void> fits = check_kv_namespace_name(request->name()); !fits.ok()) {
    return refuse_call(*context, fits.error());
  }
  grpc::ServerUnaryReactor* call = context->DefaultReactor();
  const bool taken =
      loop_.store().post([this, call, asked = *request, actor = actor.value()](Registry& registry) {
        const Result<void> gone = delete_namespace(registry, clock_, asked, actor);
        if (gone.ok()) {
          loop_.post([this, readers = interest_.space_deleted(asked.name())] {
            outbox_.add_everything(readers);
            tell_later();
          });
        }
        call->Finish(gone.ok() ? grpc::Status::OK : rpc::to_status(gone.error()));
      });
  if (!taken) call->Finish(rpc::to_status(Store::busy_error()));
  return call;
}

grpc::ServerUnaryReactor* KvService::Read(grpc::CallbackServerContext* context,
                                          const v1::KvReadRequest* request,
                                          v1::KvReadResponse* response) {
  const Result<Actor> actor = authorize_either(authorizer_, *context, Permission::kRead);
  if (!actor.ok()) return refuse_call(*context, actor.error());
  Result<void> fits = check_kv_namespace_name(request->namespace_());
  if (fits.ok()) fits = check_kv_key(request->key());
  if (!fits.ok()) return refuse_call(*context, fits.error());
  reads_.increment();
  // It deletes itself when gRPC is done with it.
  auto* call = new ReadCall(reader_, *response);  // NOLINT(cppcoreguidelines-owning-memory)
  reader_.read({.space = request->namespace_(), .key = request->key()},
               keeper(actor.value(), request->reader()),
               [call](const Result<v1::KvReadResponse>& found) { call->answer(found); });
  return call;
}

grpc::ServerUnaryReactor* KvService::Write(grpc::CallbackServerContext* context,
                                           const v1::KvWriteRequest* request,
                                           v1::KvWriteResponse* response) {
  const Result<Actor> actor = authorize_either(authorizer_, *context, Permission::kDeploy);
  if (!actor.ok()) return refuse_call(*context, actor.error());
  if (const Result<void> fits = check_kv_writes(*request, clock_.wall_now()); !fits.ok()) {
    return refuse_call(*context, fits.error());
  }
  grpc::ServerUnaryReactor* call = context->DefaultReactor();
  KvWriter::Request writes{.writes = *request, .actor = actor.value(), .is_audited = false};
  writes.writes.set_origin(origin_of(actor.value(), request->origin()));
  writes.is_audited = writes.writes.origin().empty();
  writer_.write(std::move(writes), [call, response](Result<v1::KvWriteResponse> written) {
    if (!written.ok()) return call->Finish(rpc::to_status(written.error()));
    *response = std::move(written).value();
    call->Finish(grpc::Status::OK);
  });
  return call;
}

grpc::ServerUnaryReactor* KvService::List(grpc::CallbackServerContext* context,
                                          const v1::KvListRequest* request,
                                          v1::KvListResponse* response) {
  const Result<Actor> actor = authorize_either(authorizer_, *context, Permission::kRead);
  if (!actor.ok()) return refuse_call(*context, actor.error());
  if (const Result<void> fits = check_list(*request); !fits.ok()) {
    return refuse_call(*context, fits.error());
  }
  grpc::ServerUnaryReactor* call = context->DefaultReactor();
  const bool taken =
      loop_.store().post([this, call, response, asked = *request](Registry& registry) {
        KvTable table(registry.database(), clock_);
        Result<v1::KvListResponse> listed = table.list(asked);
        if (!listed.ok()) return call->Finish(rpc::to_status(listed.error()));
        *response = std::move(listed).value();
        call->Finish(grpc::Status::OK);
      });
  if (!taken) call->Finish(rpc::to_status(Store::busy_error()));
  return call;
}

void KvService::on_reading(const std::string& reader, const KvKey& key) {
  std::vector<std::string> forgetful = interest_.add(reader, key);
  if (forgetful.empty()) return;
  loop_.post([this, readers = std::move(forgetful)] {
    outbox_.add_everything(readers);
    tell_later();
  });
}

void KvService::on_changed(const std::vector<KvWriter::Changed>& changed) {
  struct Told {
    KvChange change;
    std::vector<std::string> readers;
  };
  transactions_.increment();
  writes_.increment(static_cast<double>(changed.size()));
  std::vector<Told> told;
  for (const KvWriter::Changed& one : changed) {
    std::vector<std::string> readers = interest_.changed(one.change.key);
    // Who wrote has the new value already.
    std::erase(readers, one.origin);
    if (!one.origin.empty()) on_reading(one.origin, one.change.key);
    if (!readers.empty()) told.push_back({.change = one.change, .readers = std::move(readers)});
  }
  if (told.empty()) return;
  loop_.post([this, told = std::move(told)] {
    for (const Told& one : told) outbox_.add(one.readers, one.change);
    tell_later();
  });
}

void KvService::tell_later() {
  if (outbox_.is_empty() || std::exchange(is_telling_, true)) return;
  timer_.expires_after(kTellInterval);
  timer_.async_wait([this](const boost::system::error_code& error) {
    is_telling_ = false;
    if (!error && !loop_.is_shutting_down()) tell();
  });
}

void KvService::tell() {
  for (auto& [reader, invalidations] : outbox_.take()) {
    v1::ControlMessage message;
    *message.mutable_kv_invalidations() = std::move(invalidations);
    // One that is not connected forgets all it has when it is.
    if (loop_.post_to_pop(reader, message)) invalidations_.increment();
  }
}

}  // namespace isopop::control
