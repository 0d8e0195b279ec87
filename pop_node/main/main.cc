#include <malloc.h>

#include <CLI/CLI.hpp>
#include <cstdlib>

#include "common/app/app.h"
#include "common/rpc/tls_options.h"
#include "pop_node/main/options.h"
#include "pop_node/main/pop_program.h"

namespace {

void add_options(CLI::App& app, isopop::pop::Options& options) {
  app.add_option("--id", options.id, "who this PoP is: AMS; also from POP_ID");
  app.add_option("--city", options.city, "its city");
  app.add_option("--country", options.country, "its country, two letters");
  app.add_option("--region", options.region, "its region");
  app.add_option("--lat", options.latitude_deg, "latitude, degrees north");
  app.add_option("--lon", options.longitude_deg, "longitude, degrees east");
  app.add_option("--listen", options.listen, "address for HTTP; port 0: the kernel chooses")
      ->capture_default_str();
  app.add_option(
      "--advertise", options.advertise,
      "IP address, with a port or not, that routers are told; default: where it listens, "
      "or of 0.0.0.0 the address on the way to the control plane");
  app.add_option("--control", options.control, "the control plane's gRPC address")
      ->capture_default_str();
  app.add_option("--control-rtt", options.control_rtt,
                 "delays what goes to and comes from the control plane by half of this")
      ->capture_default_str();
  app.add_option("--bundle-key", options.bundle_key,
                 "PEM file with the public key that versions must be signed with; default: the one "
                 "learnt when this PoP joined");
  app.add_option("--state", options.state, "state folder of the topology")->capture_default_str();
  app.add_option("--executor", options.executor, "isopop-executor; default: beside this program");
  app.add_option("--head-timeout", options.head_timeout, "for a request's whole head")
      ->capture_default_str();
  app.add_option("--body-timeout", options.body_timeout, "a body must move within this")
      ->capture_default_str();
  app.add_option("--connections-max", options.connections_max, "open client connections")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();
}

void add_pool_options(CLI::App& app, isopop::pop::Options& options) {
  app.add_option("--isolation", options.isolation,
                 "of workers that do not say: pristine, fresh, warm or container")
      ->capture_default_str();
  app.add_option("--dirty-finder", options.dirty_finder,
                 "how pristine executors find written pages: automatic, pagemap-scan, pagemap-read "
                 "or drop-all")
      ->check(CLI::IsMember({"automatic", "pagemap-scan", "pagemap-read", "drop-all"}))
      ->capture_default_str();
  app.add_option("--spare-executors", options.spare_executors,
                 "executors kept ready for workers that have none")
      ->check(CLI::Range(0, 64))
      ->capture_default_str();
  app.add_option("--memory-budget", options.memory_budget, "memory of all executors together")
      ->capture_default_str();
  app.add_option("--executors-max", options.executors_max, "executor processes at most")
      ->check(CLI::Range(1, 4096))
      ->capture_default_str();
  app.add_option("--executors-per-worker-max", options.executors_per_worker_max,
                 "executor processes of one worker at most")
      ->check(CLI::Range(1, 4096))
      ->capture_default_str();
  app.add_option("--queue-max", options.queue_max, "requests that may wait for an executor")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();
  app.add_option("--queue-deadline", options.queue_deadline, "how long a request may wait")
      ->capture_default_str();
  app.add_option("--executor-idle-timeout", options.executor_idle_timeout,
                 "when an executor without work is stopped")
      ->capture_default_str();
  app.add_option("--executor-start-timeout", options.executor_start_timeout,
                 "when an executor that does not get ready is ended")
      ->capture_default_str();
  app.add_option("--container-start-p50", options.container_start_p50,
                 "median start-up delay of containers")
      ->capture_default_str();
  app.add_option("--container-start-min", options.container_start_min, "the shortest one")
      ->capture_default_str();
  app.add_option("--container-start-max", options.container_start_max,
                 "the longest one, and their 99th percentile")
      ->capture_default_str();
  app.add_option("--container-idle-timeout", options.container_idle_timeout,
                 "when a container without work is stopped")
      ->capture_default_str();
}

// Limits of workers whose own settings say nothing.
void add_worker_limits(CLI::App& app, isopop::pop::Options& options) {
  app.add_option("--cpu-limit", options.cpu_limit, "CPU time of a request")->capture_default_str();
  app.add_option("--top-level-cpu-limit", options.top_level_cpu_limit,
                 "CPU time of a worker's top level")
      ->capture_default_str();
  app.add_option("--wall-limit", options.wall_limit, "time for a request")->capture_default_str();
  app.add_option("--heap-limit", options.heap_limit, "JavaScript objects")->capture_default_str();
  app.add_option("--memory-limit", options.memory_limit,
                 "everything: heap, buffers, WebAssembly, native memory")
      ->capture_default_str();
  app.add_option("--subrequests-max", options.subrequests_max, "subrequests of a request")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();
  app.add_option("--log-max", options.log_max, "console output of a request")
      ->capture_default_str();
  app.add_option("--body-max", options.body_max, "body of a request")->capture_default_str();
  app.add_option("--script-max", options.script_max, "all modules of a worker together")
      ->capture_default_str();
}

}  // namespace

int main(int argc, char** argv) {
  // Hundreds of PoPs share a machine; one heap a process is enough for one busy thread.
  mallopt(M_ARENA_MAX, 1);
  isopop::pop::Options options;
  // NOLINTNEXTLINE(concurrency-mt-unsafe): no other thread is running yet
  if (const char* id = std::getenv("POP_ID"); id != nullptr) options.id = id;
  return isopop::run_server_program(
      {.name = "isopop-pop", .description = "One point of presence: serves workers over HTTP/1.1."},
      argc, argv,
      [&options](CLI::App& app) {
        add_options(app, options);
        add_pool_options(app, options);
        add_worker_limits(app, options);
        isopop::rpc::add_tls_options(app, options.tls);
        app.add_option("--join", options.join,
                       "folder with the control plane's ca.crt and a join.token: waits for them "
                       "and gets a certificate of its own")
            ->excludes("--tls-cert");
      },
      [&options] { return isopop::pop::run_pop(options); });
}
