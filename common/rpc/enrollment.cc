#include "common/rpc/enrollment.h"

#include <fmt/format.h>
#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "common/files/files.h"
#include "common/log/log.h"
#include "common/pki/certificate_authority.h"
#include "common/random/random.h"
#include "common/rpc/rpc.h"
#include "common/rpc/tls_credentials.h"
#include "common/text/text.h"
#include "isopop/v1/access.grpc.pb.h"

namespace isopop::rpc {
namespace {

using std::chrono::milliseconds;

constexpr std::uint64_t kFileBytesMax = 256ULL << 10U;
constexpr std::chrono::seconds kCallTimeout{15};
// After this much of its lifetime a certificate is renewed; so that hundreds that were issued
// together are not renewed together, up to a tenth earlier.
constexpr double kRenewAfter = 2.0 / 3.0;
constexpr double kRenewJitter = 0.1;
// What is between issue and end; the beginning lies a little earlier, for clocks that are behind.
std::chrono::nanoseconds lifetime_of(const pki::CertificateFacts& facts) {
  return facts.not_after - facts.not_before - std::chrono::minutes(5);
}

}  // namespace

class Enrollment::Worker {
 public:
  Worker(EnrollmentOptions options, pki::CertificateKey key, const Clock& clock)
      : options_(std::move(options)),
        key_(std::move(key)),
        clock_(clock),
        jitter_(entropy64(), "enrollment/" + options_.identity.name()),
        thread_([this] { run(); }) {}

  ~Worker() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
      if (context_ != nullptr) context_->TryCancel();
    }
    stopped_.notify_all();
    thread_.join();
  }
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  [[nodiscard]] TlsFiles tls() const {
    return {.certificate = (options_.folder / "identity.crt").string(),
            .key = (options_.folder / "identity.key").string(),
            .ca = (options_.folder / "ca.crt").string()};
  }
  [[nodiscard]] std::filesystem::path bundle_key_file() const {
    return options_.folder / "bundle.pub";
  }

  void wait_until_known() {
    std::unique_lock lock(mutex_);
    known_changed_.wait(lock, [this] { return is_known_; });
  }

 private:
  // What join.token and ca.crt say now.
  struct JoinFiles {
    std::string ca;
    std::string token;
  };

  void run() {
    switch (look_at_kept()) {
      case Kept::kGood:
        note_known();
        break;
      case Kept::kExpired:
        note_known();
        if (!enroll_until_done()) return;
        break;
      case Kept::kNothing:
        if (!enroll_until_done()) return;
        note_known();
        break;
    }
    while (pause_until_due()) {
      if (!renew_until_done()) return;
    }
  }

  void note_known() {
    {
      const std::lock_guard lock(mutex_);
      is_known_ = true;
    }
    known_changed_.notify_all();
  }

  // What an earlier run has left. One that is good is used from now on.
  enum class Kept { kNothing, kExpired, kGood };
  Kept look_at_kept() {
    const Result<std::string> certificate =
        read_file(options_.folder / "identity.crt", kFileBytesMax);
    const Result<std::string> bundle_key = read_file(bundle_key_file(), kFileBytesMax);
    if (!certificate.ok() || !bundle_key.ok() || has_other_ca()) return Kept::kNothing;
    const Result<pki::CertificateFacts> facts = pki::read_certificate(certificate.value());
    if (!facts.ok() || facts.value().identity != options_.identity ||
        facts.value().names != options_.names || !key_.is_of(certificate.value())) {
      return Kept::kNothing;
    }
    const WallTime now = clock_.wall_now();
    if (now >= facts.value().not_after || now < facts.value().not_before) return Kept::kExpired;
    plan_renewal(facts.value(), facts.value().not_after - now);
    return Kept::kGood;
  }

  // The join folder is of another network than the certificate. One that is not there says nothing.
  [[nodiscard]] bool has_other_ca() const {
    const Result<std::string> kept = read_file(options_.folder / "ca.crt", kFileBytesMax);
    const Result<std::string> given = read_file(options_.join / "ca.crt", kFileBytesMax);
    return !kept.ok() || (given.ok() && given.value() != kept.value());
  }

  // False: the program is stopping.
  bool enroll_until_done() {
    milliseconds backoff = options_.retry_first;
    while (true) {
      const std::optional<JoinFiles> files = wait_for_files();
      if (!files) return false;
      const Result<void> enrolled = enroll(*files);
      if (enrolled.ok()) return true;
      if (!complain_and_pause("enroll", enrolled.error(), backoff)) return false;
    }
  }

  std::optional<JoinFiles> wait_for_files() {
    bool said = false;
    while (true) {
      Result<std::string> ca = read_file(options_.join / "ca.crt", kFileBytesMax);
      const Result<std::string> token = read_file(options_.join / "join.token", kFileBytesMax);
      if (ca.ok() && token.ok() && !ca.value().empty() && !trim(token.value()).empty()) {
        return JoinFiles{.ca = std::move(ca).value(), .token = std::string(trim(token.value()))};
      }
      if (!std::exchange(said, true)) {
        const Error& error = ca.ok() ? token.error() : ca.error();
        log_info("waiting for ca.crt and join.token in {} ({})", options_.join.string(),
                 error.message);
      }
      if (!pause(options_.files_period)) return std::nullopt;
    }
  }

  Result<void> enroll(const JoinFiles& files) {
    ISOPOP_TRY(write_private_file(options_.folder / "ca.crt", files.ca));
    TlsFiles tls;
    tls.ca = (options_.folder / "ca.crt").string();
    v1::EnrollRequest request;
    request.set_join_token(files.token);
    request.set_kind(options_.identity.kind);
    request.set_id(options_.identity.id);
    request.set_csr(key_.request(options_.names));
    ISOPOP_TRY_ASSIGN(const v1::Credentials credentials,
                      call(tls, [&request](v1::Identity::Stub& stub, grpc::ClientContext& context,
                                           v1::Credentials& response) {
                        return stub.Enroll(&context, request, &response);
                      }));
    log_info("enrolled as {}", options_.identity.name());
    return keep(credentials);
  }

  Result<void> renew() {
    v1::RenewRequest request;
    request.set_csr(key_.request(options_.names));
    ISOPOP_TRY_ASSIGN(const v1::Credentials credentials,
                      call(tls(), [&request](v1::Identity::Stub& stub, grpc::ClientContext& context,
                                             v1::Credentials& response) {
                        return stub.Renew(&context, request, &response);
                      }));
    log_info("the certificate of {} was renewed", options_.identity.name());
    return keep(credentials);
  }

  template <typename Call>
  Result<v1::Credentials> call(const TlsFiles& tls, const Call& make) {
    const auto stub = v1::Identity::NewStub(connect(options_.control_address, tls));
    grpc::ClientContext context;
    context.set_deadline(gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC),
                                      gpr_time_from_seconds(kCallTimeout.count(), GPR_TIMESPAN)));
    if (!set_context(&context)) return Error{ErrorCode::kCancelled, "stopping"};
    v1::Credentials response;
    const grpc::Status status = make(*stub, context, response);
    set_context(nullptr);
    if (status.ok()) return response;
    Error error = to_error(status);
    const std::string about_tls = explain_tls(status, tls);
    if (!about_tls.empty()) {
      error.code = ErrorCode::kUnauthenticated;
      error.message =
          fmt::format("the control plane at {}: {}", options_.control_address, about_tls);
    }
    return error;
  }

  Result<void> keep(const v1::Credentials& credentials) {
    ISOPOP_TRY_ASSIGN(const pki::CertificateFacts facts,
                      pki::read_certificate(credentials.certificate()));
    if (!key_.is_of(credentials.certificate())) {
      return Error{ErrorCode::kDataLoss, "the control plane answered with another's certificate"};
    }
    ISOPOP_TRY(write_private_file(options_.folder / "ca.crt", credentials.ca()));
    ISOPOP_TRY(write_private_file(bundle_key_file(), credentials.bundle_key()));
    // The key stays the same, so that at no moment certificate and key do not fit.
    ISOPOP_TRY(write_private_file(options_.folder / "identity.crt", credentials.certificate()));
    plan_renewal(facts, lifetime_of(facts));
    return {};
  }

  // By the certificate's own span and a clock that only goes forward: this machine's civil time may
  // be wrong.
  void plan_renewal(const pki::CertificateFacts& facts, std::chrono::nanoseconds left) {
    const double part = 1 - kRenewAfter + kRenewJitter * jitter_.uniform();
    const auto before_end = std::chrono::round<milliseconds>(lifetime_of(facts) * part);
    ends_at_ = clock_.now() + left;
    renew_at_ = ends_at_ - before_end;
  }

  // False: stopping.
  bool pause_until_due() {
    return pause(std::chrono::ceil<milliseconds>(renew_at_ - clock_.now()));
  }

  bool renew_until_done() {
    milliseconds backoff = options_.retry_first;
    while (true) {
      if (clock_.now() >= ends_at_) return enroll_until_done();
      const Result<void> renewed = renew();
      if (renewed.ok()) return true;
      if (!complain_and_pause("renew the certificate", renewed.error(), backoff)) return false;
    }
  }

  // Everybody starts before the control plane now and then; anything else is said once.
  bool complain_and_pause(const char* what, const Error& error, milliseconds& backoff) {
    if (error.code == ErrorCode::kCancelled) return false;
    const bool is_worth_a_word = error.code != ErrorCode::kUnavailable;
    if (!is_worth_a_word) log_debug("cannot {} yet: {}", what, error.message);
    if (is_worth_a_word && std::exchange(said_, error.message) != error.message) {
      log_warning("cannot {} as {}: {}; trying again", what, options_.identity.name(),
                  error.message);
    }
    const milliseconds now = backoff;
    backoff = std::min(2 * backoff, options_.retry_max);
    return pause(std::chrono::round<milliseconds>(now * (0.5 + 0.5 * jitter_.uniform())));
  }

  // Of the call that is to be ended with the program. False when it is ending.
  bool set_context(grpc::ClientContext* context) {
    const std::lock_guard lock(mutex_);
    context_ = context;
    return !stopping_;
  }

  bool pause(milliseconds time) {
    std::unique_lock lock(mutex_);
    stopped_.wait_for(lock, time, [this] { return stopping_; });
    return !stopping_;
  }

  const EnrollmentOptions options_;
  const pki::CertificateKey key_;
  const Clock& clock_;
  RandomStream jitter_;  // of the thread, like the next three
  Instant renew_at_{};
  Instant ends_at_{};
  std::string said_;
  std::mutex mutex_;
  std::condition_variable stopped_;
  std::condition_variable known_changed_;
  bool is_known_ = false;                   // under mutex_
  bool stopping_ = false;                   // under mutex_
  grpc::ClientContext* context_ = nullptr;  // under mutex_
  std::thread thread_;                      // last: runs while all above is there
};

Result<std::unique_ptr<Enrollment>> Enrollment::start(EnrollmentOptions options,
                                                      const Clock& clock) {
  ISOPOP_TRY(pki::check_identity(options.identity));
  ISOPOP_TRY(create_folders(options.folder));
  const std::filesystem::path key_file = options.folder / "identity.key";
  Result<pki::CertificateKey> key = pki::CertificateKey::load_or_create(key_file);
  if (!key.ok() && key.error().code == ErrorCode::kInvalidArgument) {
    // A key that is damaged is of no use to anybody: another one is as good.
    log_warning("{}; a new one takes its place", key.error().message);
    std::error_code ignored;
    std::filesystem::remove(key_file, ignored);
    key = pki::CertificateKey::load_or_create(key_file);
  }
  if (!key.ok()) return key.error();
  auto worker = std::make_unique<Worker>(std::move(options), std::move(key).value(), clock);
  worker->wait_until_known();
  return std::unique_ptr<Enrollment>(new Enrollment(std::move(worker)));
}

Enrollment::Enrollment(std::unique_ptr<Worker> worker) : worker_(std::move(worker)) {}
Enrollment::~Enrollment() = default;

TlsFiles Enrollment::tls() const {
  return worker_->tls();
}

std::filesystem::path Enrollment::bundle_key_file() const {
  return worker_->bundle_key_file();
}

}  // namespace isopop::rpc
