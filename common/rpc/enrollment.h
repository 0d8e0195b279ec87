#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "common/pki/identity.h"
#include "common/result/result.h"
#include "common/rpc/tls_files.h"
#include "common/time/clock.h"

namespace isopop::rpc {

struct EnrollmentOptions {
  std::filesystem::path join;    // folder with ca.crt and join.token; they may come later
  std::filesystem::path folder;  // where identity.key, identity.crt, ca.crt and bundle.pub are kept
  std::string control_address;
  pki::ProgramIdentity identity;
  std::vector<std::string> names;               // of a relay: what PoPs call it by
  std::chrono::milliseconds files_period{100};  // how often to look for the join folder's files
  std::chrono::milliseconds retry_first{200};
  std::chrono::milliseconds retry_max{5'000};
};

// How a program comes to a certificate of the control plane's CA and keeps one: a thread of its own
// waits for the join folder's files, enrolls with the token, keeps what it is given in the folder
// (0600) and renews it when two thirds of its time are over, with the certificate that is to be
// replaced. What an earlier run kept is used as long as it is good and of the same CA. Never gives
// up: the control plane may come later, and whoever was revoked may be restored. Thread-safe.
class Enrollment final {
 public:
  // Waits until there is a certificate, unless an earlier run has left one of this network: if that
  // has expired meanwhile, another one is got while the program serves what it has.
  [[nodiscard]] static Result<std::unique_ptr<Enrollment>> start(EnrollmentOptions options,
                                                                 const Clock& clock);
  // Ends a call that is under way and joins the thread.
  ~Enrollment();
  Enrollment(const Enrollment&) = delete;
  Enrollment& operator=(const Enrollment&) = delete;
  Enrollment(Enrollment&&) = delete;
  Enrollment& operator=(Enrollment&&) = delete;

  // They are replaced when the certificate is renewed.
  [[nodiscard]] TlsFiles tls() const;
  // PEM file of the public key that versions are signed with (pki::VerifyKey).
  [[nodiscard]] std::filesystem::path bundle_key_file() const;

 private:
  class Worker;
  explicit Enrollment(std::unique_ptr<Worker> worker);
  std::unique_ptr<Worker> worker_;
};

}  // namespace isopop::rpc
