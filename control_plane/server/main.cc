#include <CLI/CLI.hpp>
#include <csignal>

#include "common/app/app.h"
#include "common/log/log.h"
#include "common/rpc/tls_options.h"
#include "control_plane/registry/restore.h"
#include "control_plane/server/control_plane.h"
#include "control_plane/server/relay_program.h"

namespace {

void add_security_options(CLI::App& app, isopop::control::SecurityOptions& security) {
  app.add_option("--pki", security.pki,
                 "Folder of an own CA, keys and tokens; all is made when it is empty. Who has it, "
                 "has the network");
  app.add_option("--join", security.join,
                 "With --pki: folder where ca.crt and join.token are written, for PoPs, routers "
                 "and relays");
  app.add_option("--server-name", security.server_names,
                 "With --pki: a further name or address that it is called by");
  app.add_option("--identity-lifetime", security.identity_lifetime,
                 "With --pki: of programs' certificates, which renew them in time")
      ->capture_default_str();
  app.add_flag("--insecure", security.insecure,
               "No TLS and no tokens: everybody may do everything. On loopback addresses only");
  isopop::rpc::add_tls_options(app, security.tls);
}

isopop::Result<void> restore(const std::filesystem::path& state,
                             const std::filesystem::path& backup) {
  ISOPOP_TRY(isopop::control::restore_database(state, backup));
  isopop::log_info("{} is restored from {}; what was there is kept as control.db.before-restore",
                   (state / "control.db").string(), backup.string());
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  isopop::control::ControlPlaneOptions options;
  isopop::control::RelayProgramOptions relay;
  std::filesystem::path backup;
  // A limit on file sizes is an error of the write, not the end of the program.
  std::signal(SIGXFSZ, SIG_IGN);  // NOLINT(cert-err33-c): SIGXFSZ can be ignored
  return isopop::run_server_program(
      {.name = "isopop-control",
       .description = "The control plane: keeps workers and brings them to every PoP."},
      argc, argv,
      [&options, &relay, &backup](CLI::App& app) {
        app.add_option("--listen", options.listen, "Address for gRPC; port 0: the kernel chooses")
            ->capture_default_str();
        app.add_option("--http-listen", options.http_listen,
                       "Address for /healthz, /readyz and /metrics")
            ->capture_default_str();
        app.add_option("--state", options.state, "Folder for control.db and control.endpoint")
            ->capture_default_str();
        app.add_option("--executor", options.executor,
                       "isopop-executor, to check workers with (default: beside this program)");
        app.add_option(
            "--relay-of", relay.root,
            "gRPC address of the control plane: be a regional relay of it, for PoPs that "
            "connect here. --join is then the folder to enroll from");
        app.add_option("--relay-name", relay.name,
                       "With --relay-of: how it is known (default: the host's name)");
        app.add_option("--restore", backup,
                       "Put this backup in the place of control.db, keep the old one beside it, "
                       "and end. No control plane may run on the state folder");
        add_security_options(app, options.security);
      },
      [&options, &relay, &backup] {
        if (!backup.empty()) return restore(options.state, backup);
        if (relay.root.empty()) return isopop::control::run_control_plane(options);
        relay.listen = options.listen;
        relay.http_listen = options.http_listen;
        relay.state = options.state;
        relay.tls = options.security.tls;
        relay.join = options.security.join;
        relay.server_names = options.security.server_names;
        return isopop::control::run_relay(relay);
      });
}
