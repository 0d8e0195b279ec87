#include "common/app/app.h"
#include "common/rpc/tls_options.h"
#include "control_plane/server/control_plane.h"

int main(int argc, char** argv) {
  isopop::control::ControlPlaneOptions options;
  return isopop::run_server_program(
      {.name = "isopop-control",
       .description = "The control plane: keeps workers and brings them to every PoP."},
      argc, argv,
      [&options](CLI::App& app) {
        app.add_option("--listen", options.listen, "Address for gRPC; port 0: the kernel chooses")
            ->capture_default_str();
        app.add_option("--http-listen", options.http_listen,
                       "Address for /healthz, /readyz and /metrics")
            ->capture_default_str();
        app.add_option("--state", options.state, "Folder for control.db and control.endpoint")
            ->capture_default_str();
        app.add_option("--executor", options.executor,
                       "isopop-executor, to check workers with (default: beside this program)");
        isopop::rpc::add_tls_options(app, options.tls);
      },
      [&options] { return isopop::control::run_control_plane(options); });
}
