#include "control_plane/rollout/quoted.h"

#include <algorithm>

namespace isopop::control {
namespace {

constexpr std::size_t kShownBytesMax = 80;

}  // namespace

std::string quoted(std::string_view text) {
  std::string shown(text.substr(0, kShownBytesMax));
  std::replace_if(
      shown.begin(), shown.end(), [](char byte) { return byte < ' ' || byte > '~'; }, '?');
  return "\"" + shown + (text.size() > kShownBytesMax ? "...\"" : "\"");
}

}  // namespace isopop::control
