#include "pop_node/executor/realm.h"

#include <unistd.h>
#include <v8-version.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <utility>

#include "pop_node/executor/bindings.h"
#include "pop_node/executor/exit_codes.h"
#include "pop_node/executor/fault_reader.h"
#include "pop_node/executor/v8_text.h"

namespace isopop::executor {
namespace {

constexpr std::uint32_t kRealmSlot = 0;
constexpr std::size_t kMiB = 1U << 20U;
// What is given beyond the limit so that the code that exceeded it can be unwound.
constexpr std::size_t kHeapReserveBytes = 16 * kMiB;

#if V8_MAJOR_VERSION >= 11
using OutOfMemory = const v8::OOMDetails&;
#else
using OutOfMemory = bool;
#endif

[[noreturn]] void on_out_of_memory(const char* /*location*/, OutOfMemory /*details*/) {
  Realm::of(v8::Isolate::GetCurrent())
      .surroundings()
      .last_words.say_and_exit(LastWords::Reason::kMemoryLimit);
}

[[noreturn]] void on_fatal_error(const char* location, const char* message) {
  std::fprintf(stderr, "isopop-executor: V8: %s: %s\n", location, message);
  ::_exit(kExitUnexpected);
}

v8::MaybeLocal<v8::Promise> import_dynamically(v8::Local<v8::Context> context,
                                               v8::Local<v8::Data> /*options*/,
                                               v8::Local<v8::Value> referrer,
                                               v8::Local<v8::String> specifier,
                                               v8::Local<v8::FixedArray> /*assertions*/) {
  v8::Isolate* const isolate = context->GetIsolate();
  const std::string from =
      referrer->IsString() ? from_v8(isolate, referrer.As<v8::String>()) : std::string();
  return Realm::of(isolate).modules().import_dynamically(context, from,
                                                         from_v8(isolate, specifier));
}

}  // namespace

Realm::Realm(const Surroundings& surroundings, Environment& environment, const LoadFrame& load)
    : surroundings_(surroundings),
      environment_(environment),
      load_(load),
      isolate_(environment.isolate()),
      modules_(isolate_, load.bundle) {
  isolate_->SetData(kRealmSlot, this);
  isolate_->SetFatalErrorHandler(on_fatal_error);
  isolate_->SetOOMErrorHandler(on_out_of_memory);
  isolate_->SetPromiseRejectCallback(on_rejection);
  isolate_->SetHostImportModuleDynamicallyCallback(import_dynamically);
  isolate_->SetAllowWasmCodeGenerationCallback(
      [](v8::Local<v8::Context> context, v8::Local<v8::String>) {
        return Realm::of(context->GetIsolate()).modules().compiling_wasm();
      });
  limit_heap();
}

Realm::~Realm() {
  isolate_->RemoveNearHeapLimitCallback(on_near_heap_limit, 0);
  isolate_->SetData(kRealmSlot, nullptr);
}

Realm& Realm::of(v8::Isolate* isolate) {
  return *static_cast<Realm*>(isolate->GetData(kRealmSlot));
}

// The environment may have been made before anybody knew which worker it is for. Its heap can be
// made smaller when a callback is taken away, and larger when the limit is near.
void Realm::limit_heap() {
  const std::size_t heap_bytes = std::size_t{load_.limits.heap_mib} * kMiB;
  isolate_->AddNearHeapLimitCallback(on_near_heap_limit, this);
  if (heap_bytes < environment_.heap_bytes()) {
    isolate_->RemoveNearHeapLimitCallback(on_near_heap_limit, heap_bytes);
    isolate_->AddNearHeapLimitCallback(on_near_heap_limit, this);
  }
  environment_.buffers().set_bytes_max(heap_bytes);
}

std::optional<WorkerFault> Realm::run_top_level(LoadTimes& times) {
  const v8::HandleScope handles(isolate_);
  const v8::Local<v8::Context> context = environment_.context();
  const v8::Context::Scope scope(context);
  const auto budget = std::chrono::milliseconds(load_.limits.top_level_cpu_ms);
  surroundings_.last_words.set_request(0);

  surroundings_.watchdog.arm(isolate_, budget);
  std::optional<WorkerFault> fault = make_env(context);
  if (!fault) fault = modules_.compile(context);
  times.compile_us = microseconds(surroundings_.watchdog.disarm());
  look_for_breach();
  if (!fault && breach_ == Breach::kNone) {
    surroundings_.watchdog.arm(isolate_, budget);
    fault = evaluate(context);
    times.top_level_us = microseconds(surroundings_.watchdog.disarm());
    look_for_breach();
  }
  if (breach_ != Breach::kNone) return breach_fault();
  at_top_level_ = false;
  return fault;
}

std::optional<WorkerFault> Realm::make_env(v8::Local<v8::Context> context) {
  const v8::Local<v8::Object> env = v8::Object::New(isolate_);
  for (const Variable& variable : load_.variables) {
    const v8::TryCatch caught(isolate_);
    v8::Local<v8::Value> value = to_v8(isolate_, variable.value);
    if (variable.is_json && !v8::JSON::Parse(context, value.As<v8::String>()).ToLocal(&value)) {
      return fault_of("the variable " + variable.name + " is not valid JSON");
    }
    if (env->CreateDataProperty(context, to_v8(isolate_, variable.name), value).IsNothing()) {
      return fault_of("the variable " + variable.name + " cannot be set");
    }
  }
  const v8::Local<v8::Function> make_kv = environment_.hooks().make_kv_namespace.Get(isolate_);
  for (const std::string& name : load_.kv_bindings) {
    v8::Local<v8::Value> argument = to_v8(isolate_, name);
    v8::Local<v8::Value> space;
    if (!make_kv->Call(context, v8::Undefined(isolate_), 1, &argument).ToLocal(&space) ||
        env->CreateDataProperty(context, to_v8(isolate_, name), space).IsNothing()) {
      return fault_of("the KV binding " + name + " cannot be set");
    }
  }
  env_.Reset(isolate_, env);
  return std::nullopt;
}

std::optional<WorkerFault> Realm::evaluate(v8::Local<v8::Context> context) {
  const v8::TryCatch caught(isolate_);
  v8::Local<v8::Promise> done;
  if (!modules_.evaluate(context).ToLocal(&done)) {
    return read_fault(context, caught.Exception(), caught.Message());
  }
  isolate_->PerformMicrotaskCheckpoint();
  if (caught.HasTerminated()) return std::nullopt;
  if (done->State() == v8::Promise::kRejected) {
    rejections_.clear();
    return read_fault(context, done->Result(), v8::Local<v8::Message>());
  }
  if (done->State() == v8::Promise::kPending) {
    return fault_of("the top level waits for a promise that nothing will settle",
                    load_.bundle.main_module);
  }
  report_rejections(context);
  return take_handler(context);
}

std::optional<WorkerFault> Realm::take_handler(v8::Local<v8::Context> context) {
  const v8::TryCatch caught(isolate_);
  v8::Local<v8::Value> exported;
  v8::Local<v8::Value> fetch;
  const v8::Local<v8::Object> exports = modules_.main_namespace();
  if (!exports->Get(context, name_v8(isolate_, "default")).ToLocal(&exported) ||
      !exported->IsObject() ||
      !exported.As<v8::Object>()->Get(context, name_v8(isolate_, "fetch")).ToLocal(&fetch) ||
      !fetch->IsFunction()) {
    return fault_of("the main module has no default export with a fetch() handler",
                    load_.bundle.main_module);
  }
  handler_.Reset(isolate_, exported.As<v8::Object>());
  return std::nullopt;
}

WorkerFault Realm::breach_fault() const {
  if (breach_ == Breach::kMemory) {
    return fault_of(
        "the worker exceeded its memory limit of " + std::to_string(load_.limits.heap_mib) + " MiB",
        at_top_level_ ? load_.bundle.main_module : std::string());
  }
  const std::uint32_t limit_ms =
      at_top_level_ ? load_.limits.top_level_cpu_ms : load_.limits.cpu_ms;
  WorkerFault fault =
      fault_of(std::string(at_top_level_ ? "the top level" : "the request") +
               " exceeded its CPU time limit of " + std::to_string(limit_ms) + " ms");
  if (const auto& place = surroundings_.watchdog.place()) {
    fault.module = place->module;
    fault.line = place->line;
    fault.column = place->column;
    fault.stack = place->stack;
  }
  return fault;
}

// Runs `action` in the context, on account of a request, and everything that follows from it.
template <typename Action>
void Realm::enter(std::uint32_t id, Action action) {
  if (breach_ != Breach::kNone) return;
  const auto account = requests_.find(id);
  std::chrono::nanoseconds budget = std::chrono::milliseconds(load_.limits.cpu_ms);
  if (account != requests_.end()) budget -= account->second.cpu_used;
  {
    const v8::HandleScope handles(isolate_);
    const v8::Local<v8::Context> context = environment_.context();
    const v8::Context::Scope scope(context);
    const v8::TryCatch caught(isolate_);
    current_ = id;
    surroundings_.last_words.set_request(id);
    surroundings_.watchdog.arm(isolate_, budget);
    action(context);
    if (!caught.HasTerminated()) isolate_->PerformMicrotaskCheckpoint();
    if (!caught.HasTerminated() && surroundings_.v8_system.run_tasks(isolate_)) {
      isolate_->PerformMicrotaskCheckpoint();
    }
    if (!caught.HasTerminated() && !rejections_.empty()) report_rejections(context);
  }
  const std::chrono::nanoseconds used = surroundings_.watchdog.disarm();
  if (account != requests_.end()) account->second.cpu_used += used;
  look_for_breach();
  if (breach_ == Breach::kNone) {
    current_ = 0;
    settle();
  }
}

void Realm::look_for_breach() {
  if (memory_exceeded_) {
    breach_ = Breach::kMemory;
  } else if (surroundings_.watchdog.fired()) {
    breach_ = Breach::kCpu;
  }
}

void Realm::start(const RequestFrame& request) {
  Account account;
  account.deadline = surroundings_.clock.now() + std::chrono::milliseconds(load_.limits.wall_ms);
  environment_.buffers().forget_refusal();
  requests_.emplace(request.id, account);
  enter(request.id, [&](v8::Local<v8::Context> context) {
    const auto latin1 = [&](std::string_view text) { return to_v8_latin1(isolate_, text); };
    std::vector<v8::Local<v8::Value>> flat;
    flat.reserve(request.headers.size() * 2);
    for (const Header& header : request.headers) {
      flat.push_back(name_v8(isolate_, header.name));
      flat.push_back(latin1(header.value));
    }
    const ClientPlace& client = request.client;
    std::array<v8::Local<v8::Value>, 14> arguments = {
        handler_.Get(isolate_),
        env_.Get(isolate_),
        v8::Integer::NewFromUnsigned(isolate_, request.id),
        name_v8(isolate_, request.method),
        to_v8(isolate_, request.url),
        v8::Array::New(isolate_, flat.data(), flat.size()),
        v8::Boolean::New(isolate_, request.has_body),
        name_v8(isolate_, request.http_protocol),
        to_v8(isolate_, load_.colo),
        v8::Boolean::New(isolate_, client.known),
        to_v8(isolate_, client.country),
        to_v8(isolate_, client.city),
        v8::Number::New(isolate_, client.latitude_deg),
        v8::Number::New(isolate_, client.longitude_deg)};
    call(context, environment_.hooks().dispatch, arguments);
  });
}

void Realm::on_body(std::uint32_t id) {
  enter(id, [&](v8::Local<v8::Context> context) {
    call_hook(context, environment_.hooks().on_body, id);
  });
}

void Realm::on_credit(std::uint32_t id) {
  enter(id, [&](v8::Local<v8::Context> context) {
    call_hook(context, environment_.hooks().on_credit, id);
  });
}

void Realm::cancel(std::uint32_t id) {
  if (!requests_.contains(id)) return;
  enter(id, [&](v8::Local<v8::Context> context) {
    call_hook(context, environment_.hooks().on_cancel, id);
  });
  if (breach_ == Breach::kNone) close_request(id);
}

void Realm::on_time(Instant now) {
  while (breach_ == Breach::kNone) {
    const std::optional<TimerQueue::Timer> timer = timers_.take_due(now);
    if (!timer) break;
    enter(timer->request, [&](v8::Local<v8::Context> context) {
      call_hook(context, environment_.hooks().on_timer, timer->id);
    });
  }
  std::vector<std::uint32_t> late;
  for (const auto& [id, account] : requests_) {
    if (account.deadline <= now) late.push_back(id);
  }
  for (const std::uint32_t id : late) {
    surroundings_.traffic.fail(id, FailureKind::kWallLimit,
                               fault_of("the request exceeded its time limit of " +
                                        std::to_string(load_.limits.wall_ms) + " ms"));
    cancel(id);
  }
}

std::optional<Instant> Realm::next_event() const {
  std::optional<Instant> next = timers_.next_due();
  for (const auto& [id, account] : requests_) {
    next = next ? std::min(*next, account.deadline) : account.deadline;
  }
  return next;
}

void Realm::end_all_after_breach() {
  const WorkerFault fault = breach_fault();
  const FailureKind kind =
      breach_ == Breach::kMemory ? FailureKind::kMemoryLimit : FailureKind::kCpuLimit;
  const WorkerFault collateral =
      fault_of("the isolate had to be replaced because another request exceeded a limit");
  for (const auto& [id, account] : requests_) {
    // Nobody can say which of several requests filled the heap.
    const bool guilty = id == current_ || breach_ == Breach::kMemory;
    surroundings_.traffic.fail(id, guilty ? kind : FailureKind::kException,
                               guilty ? fault : collateral);
    surroundings_.traffic.finish(id, microseconds(account.cpu_used));
  }
  requests_.clear();
}

std::optional<std::uint32_t> Realm::start_timer(double delay_ms, TimerQueue::Kind kind) {
  if (!requests_.contains(current_)) return std::nullopt;
  const double bounded = std::clamp(std::isnan(delay_ms) ? 0.0 : delay_ms, 0.0,
                                    static_cast<double>(TimerQueue::kDelayMax.count()));
  return timers_.start(current_, surroundings_.frozen_clock.moment(),
                       std::chrono::milliseconds(static_cast<std::int64_t>(bounded)), kind);
}

Result<std::uint32_t> Realm::start_fetch(SubrequestHead head, std::string_view body) const {
  if (!requests_.contains(current_)) {
    return Error{ErrorCode::kFailedPrecondition, "fetch: the request is over"};
  }
  return surroundings_.traffic.subrequests().start(current_, std::move(head), body);
}

void Realm::fail(std::uint32_t id, v8::Local<v8::Value> error) {
  const WorkerFault fault = read_fault(isolate_->GetCurrentContext(), error, {});
  // To read an error can run the worker's code. If that reached a limit, the limit is what is told.
  if (surroundings_.watchdog.fired() || memory_exceeded_) return;
  // A buffer that could not be had is an exception, which the worker may catch. It did not.
  if (environment_.buffers().refused()) {
    memory_exceeded_ = true;
    return;
  }
  surroundings_.traffic.fail(id, FailureKind::kException, fault);
  finish(id);
}

void Realm::call_hook(v8::Local<v8::Context> context, const v8::Global<v8::Function>& hook,
                      std::uint32_t id) {
  v8::Local<v8::Value> argument = v8::Integer::NewFromUnsigned(isolate_, id);
  call(context, hook, {&argument, 1});
}

// The hooks catch what the worker throws. What comes out of one all the same (no stack left, say)
// leaves its request unsettled, and that is noticed.
void Realm::call(v8::Local<v8::Context> context, const v8::Global<v8::Function>& hook,
                 std::span<v8::Local<v8::Value>> arguments) {
  const v8::MaybeLocal<v8::Value> ignored = hook.Get(isolate_)->Call(
      context, v8::Undefined(isolate_), static_cast<int>(arguments.size()), arguments.data());
  static_cast<void>(ignored);
}

// Rejections that nobody handled by the end of the microtasks are logged, nothing more.
void Realm::report_rejections(v8::Local<v8::Context> context) {
  for (const Rejection& rejection : std::exchange(rejections_, {})) {
    v8::Local<v8::Value> reason = rejection.reason.Get(isolate_);
    call(context, environment_.hooks().report_uncaught, {&reason, 1});
  }
}

// After each entry: closes the requests that are over, and those that can never end.
void Realm::settle() {
  for (const std::uint32_t id : std::exchange(finished_, {})) close_request(id);
  if (settling_ || requests_.empty() || !timers_.empty()) return;
  settling_ = true;
  fail_those_that_wait_for_nothing();
  settling_ = false;
}

void Realm::close_request(std::uint32_t id) {
  const auto account = requests_.find(id);
  if (account == requests_.end()) return;
  const std::uint32_t cpu_us = microseconds(account->second.cpu_used);
  requests_.erase(account);
  surroundings_.traffic.finish(id, cpu_us);
  const std::vector<std::uint32_t> stopped = timers_.stop_all_of(id);
  if (stopped.empty()) return;
  enter(0, [&](v8::Local<v8::Context> context) {
    for (const std::uint32_t timer : stopped)
      call_hook(context, environment_.hooks().forget_timer, timer);
  });
}

// With no timer and nobody waiting for the peer, nothing will ever run again in this isolate by
// itself. Requests that still wait then wait for each other, or for a promise that nothing settles.
void Realm::fail_those_that_wait_for_nothing() {
  std::vector<std::uint32_t> ids;
  for (const auto& [id, account] : requests_) {
    if (surroundings_.traffic.waits_for_peer(id)) return;
    ids.push_back(id);
  }
  for (const std::uint32_t id : ids) {
    surroundings_.traffic.fail(
        id, FailureKind::kException,
        fault_of("the worker waits for a promise that nothing will settle: it would never answer"));
    cancel(id);
  }
}

void Realm::on_rejection(v8::PromiseRejectMessage message) {
  v8::Isolate* const isolate = v8::Isolate::GetCurrent();
  std::vector<Rejection>& rejections = Realm::of(isolate).rejections_;
  if (message.GetEvent() == v8::kPromiseRejectWithNoHandler) {
    rejections.push_back(
        {.promise = {isolate, message.GetPromise()}, .reason = {isolate, message.GetValue()}});
  } else if (message.GetEvent() == v8::kPromiseHandlerAddedAfterReject) {
    std::erase_if(rejections,
                  [&](const Rejection& each) { return each.promise == message.GetPromise(); });
  }
}

std::size_t Realm::on_near_heap_limit(void* data, std::size_t current, std::size_t /*initial*/) {
  Realm& realm = *static_cast<Realm*>(data);
  if (realm.memory_exceeded_) {
    realm.surroundings_.last_words.say_and_exit(LastWords::Reason::kMemoryLimit);
  }
  const std::size_t heap_bytes = std::size_t{realm.load_.limits.heap_mib} * kMiB;
  if (current < heap_bytes && realm.environment_.heap_bytes() < heap_bytes) return heap_bytes;
  realm.memory_exceeded_ = true;
  realm.isolate_->TerminateExecution();
  return current + kHeapReserveBytes;
}

}  // namespace isopop::executor
