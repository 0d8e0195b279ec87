#include "control_plane/rpc/download.h"

#include <memory>
#include <string>
#include <utility>

#include "common/rpc/rpc.h"

namespace isopop::control {
namespace {

constexpr std::size_t kPieceBytesMax = 256 * 1024;

// The store fills it once; from then on gRPC calls one method at a time.
class DownloadReactor final : public grpc::ServerWriteReactor<v1::BundlePiece>,
                              public std::enable_shared_from_this<DownloadReactor> {
 public:
  void start(Store& store, const v1::GetVersionRequest& request) {
    self_ = shared_from_this();
    const bool asked = store.post([this, request](Registry& registry) {
      Result<std::string> bundle = read(registry, request);
      if (!bundle.ok()) return Finish(rpc::to_status(bundle.error()));
      bundle_ = std::move(bundle).value();
      write();
    });
    if (!asked) Finish(rpc::to_status(Store::busy_error()));
  }

  void OnWriteDone(bool ok) override {
    if (!ok) return Finish(grpc::Status::CANCELLED);
    write();
  }
  void OnDone() override { self_.reset(); }

 private:
  static Result<std::string> read(Registry& registry, const v1::GetVersionRequest& request) {
    ISOPOP_TRY_ASSIGN(const v1::WorkerVersion version,
                      registry.version(request.worker(), request.number()));
    return registry.bundle(version.bundle_sha256());
  }

  void write() {
    if (sent_ == bundle_.size()) return Finish(grpc::Status::OK);
    piece_.set_data(bundle_.substr(sent_, kPieceBytesMax));
    sent_ += piece_.data().size();
    StartWrite(&piece_);
  }

  std::shared_ptr<DownloadReactor> self_;
  std::string bundle_;
  std::size_t sent_ = 0;
  v1::BundlePiece piece_;
};

}  // namespace

grpc::ServerWriteReactor<v1::BundlePiece>* start_download(Store& store,
                                                          const v1::GetVersionRequest& request) {
  const auto reactor = std::make_shared<DownloadReactor>();
  reactor->start(store, request);
  return reactor.get();
}

}  // namespace isopop::control
