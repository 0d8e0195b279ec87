#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include "common/http/header_names.h"
#include "common/http/message.h"
#include "common/text/text.h"
#include "common/units/units.h"
#include "control_plane/cli/command_line.h"
#include "control_plane/cli/commands.h"
#include "control_plane/http/invoke_client.h"
#include "control_plane/registry/names.h"

namespace isopop::control::cli {
namespace {

namespace names = http::header_names;

struct InvokeOptions {
  std::string worker;
  std::string city;  // empty: the router draws one
  std::string path = "/";
  std::string method;  // empty: GET, or POST with data
  std::string data;
  std::vector<std::string> headers;  // "name: value"
  bool has_data = false;
  bool include_head = false;
  std::string timeout = "60s";
};

Result<http::RequestHead> request_of(const InvokeOptions& options) {
  http::RequestHead request;
  request.method = options.method.empty() ? (options.has_data ? "POST" : "GET") : options.method;
  request.target = options.path;
  if (!http::is_header_name(request.method)) {
    return invalid_argument(fmt::format("--method {}: not a method", in_quotes(request.method)));
  }
  const bool is_target = std::all_of(options.path.begin(), options.path.end(),
                                     [](char c) { return c > ' ' && c <= '~'; });
  if (!options.path.starts_with('/') || !is_target) {
    return invalid_argument(fmt::format(
        "--path {}: must begin with '/' and be percent-encoded ASCII", in_quotes(options.path)));
  }
  request.headers.add(names::kHost, fmt::format("{}.{}", options.worker, kDefaultDomain));
  if (!options.city.empty()) request.headers.add(names::kClientCity, options.city);
  for (const std::string& header : options.headers) {
    const std::size_t colon = header.find(':');
    const std::string_view name = std::string_view(header).substr(0, colon);
    const std::string_view value =
        colon == std::string::npos ? "" : trim(std::string_view(header).substr(colon + 1));
    if (colon == std::string::npos || !http::is_header_name(name) ||
        !http::is_header_value(value)) {
      return invalid_argument(fmt::format("--header {}: must be 'name: value'", in_quotes(header)));
    }
    request.headers.add(name, value);
  }
  if (!http::is_header_value(options.city)) {
    return invalid_argument(fmt::format("--from {}: not a city", in_quotes(options.city)));
  }
  return request;
}

std::string head_text(const http::ResponseHead& head) {
  const std::string_view reason =
      head.reason.empty() ? http::reason_phrase(head.status) : std::string_view(head.reason);
  std::string text = fmt::format("HTTP/1.1 {} {}\n", head.status, reason);
  for (const http::HeaderView header : head.headers) {
    text += fmt::format("{}: {}\n", header.name, header.value);
  }
  return text + "\n";
}

ExitCode check_worker_exists(const Session& session, const std::string& worker) {
  const auto list = session.client->call(&v1::Control::Stub::ListWorkers, {});
  if (!list.ok()) return fail_call(session.terminal, list.error());
  for (const v1::ListWorkersResponse::Worker& entry : list.value().workers()) {
    if (entry.live().worker() == worker) return ExitCode::kDone;
  }
  return fail_about_worker(
      session, not_found(fmt::format("there is no worker {}", in_quotes(worker))), worker);
}

void print_response(const Session& session, const InvokeOptions& options,
                    const http::Response& response) {
  if (session.output.is_for_people()) {
    session.output.raw((options.include_head ? head_text(response.head) : "") + response.body);
    return;
  }
  nlohmann::ordered_json headers = nlohmann::ordered_json::object();
  for (const http::HeaderView header : response.head.headers) {
    headers[to_lower(header.name)] = std::string(header.value);
  }
  session.output.one(
      {}, {{"status", response.head.status}, {"headers", headers}, {"body", response.body}});
}

// What did not come from a PoP is the router's own refusal.
ExitCode fail_router(const Terminal& terminal, const http::Response& response) {
  const std::string reason(trim(truncate_utf8(response.body, 300)));
  const ExitCode code = response.head.status == 400 ? ExitCode::kNotFound : ExitCode::kUnexpected;
  return terminal.fail(code,
                       fmt::format("the router answered {}: {}", response.head.status, reason),
                       code == ExitCode::kNotFound ? "--from takes a city, as Amsterdam or Paris,FR"
                                                   : "`popctl pops` shows which PoPs are ready");
}

ExitCode run_invoke(const GlobalOptions& global, const InvokeOptions& options) {
  const Terminal terminal(global.notes);
  const Result<void> name = check_worker_name(options.worker);
  if (!name.ok()) return terminal.fail(ExitCode::kUsage, name.error().message);
  const Result<http::RequestHead> request = request_of(options);
  if (!request.ok()) return terminal.fail(ExitCode::kUsage, request.error().message);
  const Session session = open_session(global);
  if (session.client == nullptr) return session.failure;
  const ExitCode exists = check_worker_exists(session, options.worker);
  if (exists != ExitCode::kDone) return exists;
  const auto status = session.client->call(&v1::Control::Stub::GetStatus, {});
  if (!status.ok()) return fail_call(terminal, status.error());
  if (status.value().router_addresses().empty()) {
    return terminal.fail(ExitCode::kUnexpected, "no router is connected to the control plane",
                         "start isopop-router, or the whole of it with `isopop up`");
  }
  const std::string& router = status.value().router_addresses(0);
  const Result<http::Response> response =
      invoke(router, request.value(), options.data,
             std::chrono::duration_cast<std::chrono::milliseconds>(
                 parse_duration(options.timeout).value()));
  if (!response.ok()) {
    return terminal.fail(ExitCode::kUnexpected,
                         fmt::format("the router at {}: {}", router, response.error().message));
  }
  const http::ResponseHead& head = response.value().head;
  if (head.status >= 400 && !head.headers.contains(names::kPop)) {
    return fail_router(terminal, response.value());
  }
  print_response(session, options, response.value());
  if (head.status >= 400) {
    terminal.note(fmt::format("note: status {} {}", head.status, http::reason_phrase(head.status)));
  }
  return ExitCode::kDone;
}

}  // namespace

void add_invoke_commands(CommandLine& line) {
  CLI::App& command = line.add("invoke", "Send a worker one request, as a client in some city");
  auto options = std::make_shared<InvokeOptions>();
  command.add_option("name", options->worker, "Worker name")->required();
  command.add_option("--from", options->city, "The client's city: Amsterdam, or Paris,FR");
  command.add_option("--path", options->path, "Path and query")->capture_default_str();
  command.add_option("-X,--method", options->method, "Default: GET, or POST with --data");
  CLI::Option* data = command.add_option("-d,--data", options->data, "Request body");
  add_repeated(command, "-H,--header", options->headers, "'name: value'");
  command.add_flag("-i,--include", options->include_head, "Print status and headers too");
  command.add_option("--timeout", options->timeout, "For the whole answer")
      ->capture_default_str()
      ->check(check_duration);
  line.on_run(command, [options, data](const GlobalOptions& global) {
    options->has_data = !data->empty();
    return run_invoke(global, *options);
  });
}

}  // namespace isopop::control::cli
