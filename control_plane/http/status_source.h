#pragma once

#include <string>

namespace isopop::control {

// What a program shows on its HTTP side. Asked on its loop.
class StatusSource {
 public:
  virtual ~StatusSource() = default;
  // Takes work: not while it shuts down.
  [[nodiscard]] virtual bool is_ready() const = 0;
  // Everything for Prometheus, in its text format.
  [[nodiscard]] virtual std::string metrics() = 0;
};

}  // namespace isopop::control
