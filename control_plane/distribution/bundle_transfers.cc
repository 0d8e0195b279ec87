#include "control_plane/distribution/bundle_transfers.h"

#include <algorithm>

namespace isopop::control {

bool BundleTransfers::begin(const std::string& sha256, std::uint64_t offset) {
  if (transfers_.size() >= kTransfersMax) return false;
  transfers_.push_back({.sha256 = sha256, .offset = offset, .bytes = nullptr});
  return true;
}

bool BundleTransfers::wants(const std::string& sha256) const {
  return std::any_of(transfers_.begin(), transfers_.end(), [&](const Transfer& transfer) {
    return transfer.sha256 == sha256 && transfer.bytes == nullptr;
  });
}

void BundleTransfers::provide(const std::string& sha256, const BundleBytes& bytes) {
  for (Transfer& transfer : transfers_) {
    if (transfer.sha256 == sha256 && transfer.bytes == nullptr) transfer.bytes = bytes;
  }
}

bool BundleTransfers::has_chunk() const {
  return std::any_of(transfers_.begin(), transfers_.end(),
                     [](const Transfer& transfer) { return transfer.bytes != nullptr; });
}

v1::ControlMessage BundleTransfers::next_chunk() {
  // The oldest that can go on; the others get their turn when it is through.
  const auto transfer =
      std::find_if(transfers_.begin(), transfers_.end(),
                   [](const Transfer& candidate) { return candidate.bytes != nullptr; });
  const std::string& bytes = *transfer->bytes;
  const std::size_t offset = std::min<std::size_t>(transfer->offset, bytes.size());
  const std::size_t size = std::min(kBundleChunkBytes, bytes.size() - offset);
  v1::ControlMessage message;
  v1::BundleChunk& chunk = *message.mutable_bundle_chunk();
  chunk.set_sha256(transfer->sha256);
  chunk.set_offset(offset);
  chunk.set_total_bytes(bytes.size());
  chunk.set_data(bytes.substr(offset, size));
  transfer->offset = offset + size;
  if (transfer->offset >= bytes.size()) transfers_.erase(transfer);
  return message;
}

}  // namespace isopop::control
