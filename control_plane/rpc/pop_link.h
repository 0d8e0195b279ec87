#pragma once

namespace isopop::control {

// One PoP's stream as the loop sees it.
class PopLink {
 public:
  virtual ~PopLink() = default;
  virtual void wake() = 0;  // there is a message for it
  virtual void end() = 0;   // write what is left, then finish
};

}  // namespace isopop::control
