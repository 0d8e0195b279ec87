#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "common/event_loop/advertised_address.h"
#include "common/rpc/tls_files.h"
#include "router/health/pop_directory.h"

namespace isopop::router {

struct PopsWatchOptions {
  std::string control_address;  // gRPC, "127.20.0.1:7070"
  rpc::TlsFiles tls;
  AdvertisedAddress address;  // told to the control plane, so that popctl finds the front door
  std::chrono::milliseconds retry_first{200};
  std::chrono::milliseconds retry_max{5'000};
};

// Control.WatchPops as a stream of plain values: a thread of its own reads it, and opens it again
// for ever, with jittered back-off, when the control plane is away. Nothing is said of losing it:
// the list stays good.
class PopsWatch {
 public:
  // Called on the watch's thread; posts to where the change belongs.
  using OnChange = std::function<void(PopsChange)>;

  PopsWatch(PopsWatchOptions options, OnChange on_change);
  // Ends the stream and joins the thread.
  ~PopsWatch();
  PopsWatch(const PopsWatch&) = delete;
  PopsWatch& operator=(const PopsWatch&) = delete;

 private:
  class Worker;
  std::unique_ptr<Worker> worker_;
};

}  // namespace isopop::router
