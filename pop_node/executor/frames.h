#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "common/result/result.h"

namespace isopop::executor {

// The frames of proto/isopop/v1/executor.proto as plain values, and their way from and to bytes.
// Written with protozero, so that no protobuf library (its globals, its descriptors) lives in the
// process that runs other people's code. Bytes from outside are never trusted: decoding checks
// everything it reads and returns an Error.

// Bounds of the wire, from executor.proto.
inline constexpr std::size_t kFrameBytesMax = 1U << 20U;
inline constexpr std::size_t kLoadFrameBytesMax = 64U << 20U;
inline constexpr std::size_t kBodyPieceBytesMax = 64U << 10U;
inline constexpr std::uint32_t kBodyWindowBytes = 256U << 10U;
inline constexpr std::size_t kLogTextBytesMax = 16U << 10U;

enum class ModuleType : std::uint8_t { kEsModule = 1, kText, kData, kWasm, kJson };

struct ModuleSource {
  std::string name;
  ModuleType type = ModuleType::kEsModule;
  std::string content;
};

struct Bundle {
  std::string main_module;
  std::vector<ModuleSource> modules;
};

enum class Isolation : std::uint8_t { kUnspecified = 0, kPristine, kFresh, kWarm, kContainer };

struct Limits {
  std::uint32_t cpu_ms = 50;
  std::uint32_t wall_ms = 30'000;
  std::uint32_t top_level_cpu_ms = 400;
  std::uint32_t heap_mib = 128;
  std::uint32_t memory_mib = 256;
  std::uint32_t subrequests = 50;
  std::uint32_t log_kib = 256;
};

struct Variable {
  std::string name;
  std::string value;
  bool is_json = false;
};

// What went wrong in the worker's own code, and where. Lines and columns count from 1; 0 is
// unknown.
struct WorkerFault {
  std::string module;
  std::uint32_t line = 0;
  std::uint32_t column = 0;
  std::string message;
  std::string stack;
};

struct Header {
  std::string name;
  std::string value;
};

// PoP to executor.

struct LoadFrame {
  Bundle bundle;
  std::vector<Variable> variables;
  std::vector<std::string> kv_bindings;  // names of namespaces in `env`
  std::string colo;
  Isolation isolation = Isolation::kUnspecified;
  Limits limits;
};

struct ClientPlace {
  std::string country;
  std::string city;
  double latitude_deg = 0.0;
  double longitude_deg = 0.0;
  bool known = false;
};

struct RequestFrame {
  std::uint32_t id = 0;
  std::string method;
  std::string url;
  std::vector<Header> headers;
  ClientPlace client;
  std::string body;
  bool body_complete = false;
  bool has_body = false;
  std::uint64_t wall_time_us = 0;
  std::string http_protocol;
};

struct BodyFrame {
  std::uint32_t id = 0;
  std::string data;
  bool last = false;
};

struct CancelFrame {
  std::uint32_t id = 0;
};

struct ShutdownFrame {};

struct CreditFrame {
  std::uint32_t id = 0;
  std::uint32_t bytes = 0;
};

// Which of a request's own requests.
struct SubrequestKey {
  std::uint32_t parent = 0;
  std::uint32_t id = 0;
};

struct SubresponseHead {
  std::uint32_t status = 0;
  std::string status_text;
  std::vector<Header> headers;
  std::string body;  // the first piece
  bool body_complete = false;
};
struct SubresponseBody {
  std::string data;
  bool last = false;
};
struct SubresponseFailure {
  std::string reason;
};
struct SubresponseFrame {
  SubrequestKey key;
  std::variant<SubresponseHead, SubresponseBody, SubresponseFailure> part;
};

using InboundFrame = std::variant<LoadFrame, RequestFrame, BodyFrame, CancelFrame, ShutdownFrame,
                                  CreditFrame, SubresponseFrame>;

// One frame without its length. An error means that the sender breaks the contract.
[[nodiscard]] Result<InboundFrame> decode_frame(std::string_view bytes);

// A serialised isopop.v1.Bundle. Refuses one that has no main module, or two modules of one name.
[[nodiscard]] Result<Bundle> decode_bundle(std::string_view bytes);

// Executor to PoP. Each append_ function adds the length and the frame to `out`.

// As frames tell times.
[[nodiscard]] inline std::uint32_t microseconds(std::chrono::nanoseconds time) {
  return static_cast<std::uint32_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(time).count());
}

struct RunTimes {
  std::uint32_t isolate_us = 0;
  std::uint32_t run_us = 0;
};

struct ResponseHead {
  std::uint32_t status = 200;
  std::string status_text;
  std::vector<Header> headers;
};

enum class FailureKind : std::uint8_t {
  kException = 1,
  kCpuLimit,
  kMemoryLimit,
  kWallLimit,
  kLoad,
  kNoHandler,
};
[[nodiscard]] constexpr bool is_limit(FailureKind kind) {
  return kind == FailureKind::kCpuLimit || kind == FailureKind::kMemoryLimit ||
         kind == FailureKind::kWallLimit;
}

struct LoadTimes {
  std::uint32_t compile_us = 0;
  std::uint32_t top_level_us = 0;  // CPU time
  // By the clock; the first and the last in pristine mode only.
  std::uint32_t checkpoint_us = 0;
  std::uint32_t total_us = 0;
  std::uint32_t checkpoint_kib = 0;
};

// What it took to bring the memory back to the checkpoint.
struct RestoreFigures {
  std::uint32_t restore_ns = 0;
  std::uint32_t pages_found = 0;
  std::uint32_t pages_restored = 0;
  std::uint32_t pages_dropped = 0;
  std::uint32_t mappings_undone = 0;
};

// Limits that a request has reached and survived.
struct LimitsReached {
  bool subrequests = false;
  bool log = false;
};

struct BodyPiece {
  std::string_view data;
  bool last = false;
};

void append_loaded(std::string& out, LoadTimes times);
void append_load_refused(std::string& out, const WorkerFault& fault, LoadTimes times);
void append_response(std::string& out, std::uint32_t id, const ResponseHead& head, BodyPiece body,
                     RunTimes times);
void append_body(std::string& out, std::uint32_t id, BodyPiece piece);
void append_failure(std::string& out, std::uint32_t id, FailureKind kind, const WorkerFault& fault,
                    RunTimes times);
void append_finished(std::string& out, std::uint32_t id, std::uint32_t cpu_us,
                     const std::optional<RestoreFigures>& restore, LimitsReached reached = {});
void append_credit(std::string& out, CreditFrame credit);

struct SubrequestHead {
  std::string method;
  std::string url;
  std::vector<Header> headers;
  bool has_body = false;
  std::string binding;  // the property of `env` that asks; empty: fetch()
};
void append_subrequest(std::string& out, SubrequestKey key, const SubrequestHead& head);
void append_subrequest_body(std::string& out, SubrequestKey key, BodyPiece piece);
void append_subrequest_cancel(std::string& out, SubrequestKey key);
void append_subresponse_credit(std::string& out, SubrequestKey key, std::uint32_t bytes);

void append_log(std::string& out, std::uint32_t id, std::string_view level, std::string_view text);

}  // namespace isopop::executor
