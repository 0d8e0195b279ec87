#include <fmt/format.h>

#include <memory>

#include "common/units/units.h"
#include "control_plane/cli/command_line.h"
#include "control_plane/cli/commands.h"
#include "control_plane/cli/operations_json.h"
#include "control_plane/cli/tail_text.h"
#include "isopop/v1/operations.grpc.pb.h"

namespace isopop::control::cli {
namespace {

struct TailOptions {
  std::string worker;
  TailFilterOptions filter;
  std::string format = "pretty";
};

struct TopOptions {
  std::string worker;
  std::uint64_t frames = 0;  // 0: until it is interrupted
  std::string interval = "2s";
  int pops = 0;
};

std::string check_tail_format(const std::string& name) {
  return name == "pretty" || name == "json" ? std::string() : "must be pretty or json";
}

ExitCode run_tail(const GlobalOptions& global, const TailOptions& options) {
  const Result<v1::TailFilter> filter = filter_of(options.filter);
  if (!filter.ok()) {
    return Terminal(global.notes).fail(ExitCode::kUsage, filter.error().message);
  }
  GlobalOptions as_asked = global;
  if (options.format == "json") as_asked.output.format = OutputFormat::kNdjson;
  const Session session = open_session(as_asked);
  if (session.client == nullptr) return session.failure;
  v1::TailRequest request;
  request.set_worker(options.worker);
  *request.mutable_filter() = filter.value();
  const Paint paint = session.output.has_colour() ? Paint::kColours : Paint::kPlain;
  v1::TailBatch total;
  bool is_begun = false;
  const Result<void> outcome = session.client->stream_until_interrupted(
      &v1::Operations::Stub::Tail, request, [&](const v1::TailBatch& batch) {
        if (!is_begun || batch.pops() != total.pops()) {
          session.terminal.note(
              fmt::format("{} from {} PoPs; Ctrl-C ends", options.worker, batch.pops()));
        }
        is_begun = true;
        total.set_pops(batch.pops());
        total.set_dropped_at_pops(total.dropped_at_pops() + batch.dropped_at_pops());
        total.set_dropped_here(total.dropped_here() + batch.dropped_here());
        for (const v1::TailEvent& event : batch.events()) {
          session.output.item(describe(event, paint), to_json(event));
        }
        return Output::has_reader() ? Next::kGoOn : Next::kStop;
      });
  if (!outcome.ok()) return fail_about_worker(session, outcome.error(), options.worker);
  session.terminal.note(fmt::format("dropped: {} at PoPs, {} on the way", total.dropped_at_pops(),
                                    total.dropped_here()));
  return ExitCode::kDone;
}

std::string describe(const Session& session, const v1::Figures& figures, int pops) {
  std::string text = fmt::format("{} UTC, of the last {}\n\n", format_time(figures.at_ms()),
                                 format_duration(std::chrono::milliseconds(figures.interval_ms())));
  text += session.output.render(workers_table(figures));
  if (pops > 0) text += '\n' + session.output.render(pops_table(figures, pops));
  return text;
}

ExitCode run_top(Session& session, const TopOptions& options) {
  v1::WatchFiguresRequest request;
  request.set_worker(options.worker);
  request.set_interval_ms(
      static_cast<std::uint32_t>(std::chrono::duration_cast<std::chrono::milliseconds>(
                                     parse_duration(options.interval).value())
                                     .count()));
  std::uint64_t shown = 0;
  const Result<void> outcome = session.client->stream_until_interrupted(
      &v1::Operations::Stub::WatchFigures, request, [&](const v1::Figures& figures) {
        session.output.frame(describe(session, figures, options.pops), to_json(figures));
        return ++shown == options.frames || !Output::has_reader() ? Next::kStop : Next::kGoOn;
      });
  if (!outcome.ok()) return fail_about_worker(session, outcome.error(), options.worker);
  return ExitCode::kDone;
}

std::string check_interval(const std::string& text) {
  const Result<std::chrono::nanoseconds> interval = parse_duration(text);
  if (!interval.ok()) return interval.error().message;
  const bool is_good = interval.value() >= std::chrono::milliseconds(500) &&
                       interval.value() <= std::chrono::seconds(60);
  return is_good ? std::string() : "must be between 500 ms and 60 s";
}

}  // namespace

void add_telemetry_commands(CommandLine& line) {
  CLI::App& tail = line.add("tail", "Requests to a worker as they happen, with what it logs");
  auto options = std::make_shared<TailOptions>();
  tail.add_option("name", options->worker, "Worker name")->required();
  add_repeated(tail, "--pop", options->filter.pops, "Only at these PoPs, as AMS,FRA");
  tail.add_option("--region", options->filter.region, "Only at PoPs of this region");
  add_repeated(tail, "--status", options->filter.statuses,
               "Only these: ok, error, canceled, 404, 5xx");
  add_repeated(tail, "--method", options->filter.methods, "Only these: GET,POST");
  tail.add_option("--search", options->filter.search,
                  "Only with this text in a log line or exception");
  tail.add_option("--sampling-rate", options->filter.sampling_rate,
                  "Only this share of them, as 0.1 or 10%");
  tail.add_option("--format", options->format, "How: pretty, or json with a line for each")
      ->option_text("pretty|json")
      ->check(check_tail_format);
  line.on_run(tail, [options](const GlobalOptions& global) { return run_tail(global, *options); });

  CLI::App& top = line.add("top", "Requests, errors and times of workers, as they change");
  auto top_options = std::make_shared<TopOptions>();
  top.add_option("name", top_options->worker, "Worker name (default: all)");
  top.add_option("-n,--count", top_options->frames, "End after so many frames");
  top.add_option("--interval", top_options->interval, "Between frames, 500 ms to 60 s")
      ->capture_default_str()
      ->check(check_interval);
  top.add_option("--pops", top_options->pops, "Also so many of the busiest PoPs")
      ->check(CLI::Range(0, 10'000));
  line.on_session(top, [top_options](Session& session) { return run_top(session, *top_options); });
}

}  // namespace isopop::control::cli
