#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>

#include "isopop/v1/distribution.pb.h"

namespace isopop::control {

// Requests by worker and by PoP since the control plane started, for Prometheus: a bounded number
// of labels, however many workers and PoPs there are. The busiest have a label of their own, all
// else counts as "other". Each request counts once, under the label that its worker has at that
// moment, so every series only grows: one that loses its label ends, and begins at 0 if it comes
// back. Not thread-safe.
class TrafficTotals final {
 public:
  explicit TrafficTotals(std::size_t labels_max = 50) : labels_max_(labels_max) {}

  void add(const std::string& pop, const v1::Heartbeat& heartbeat);
  // Now and then, once a minute say: those that were busier than some with a label, by half at
  // least, take their place.
  void rank();

  // Series in Prometheus's text format, each family with its HELP and TYPE.
  [[nodiscard]] std::string render() const;

 private:
  struct Counts {
    std::uint64_t requests = 0;
    std::uint64_t errors = 0;
    std::uint64_t crashes = 0;
    std::uint64_t cold_starts = 0;
    std::uint64_t cpu_us = 0;
    void add(const v1::WorkerFigures& figures);
  };
  // One label's values.
  class Labelled final {
   public:
    void add(const std::string& name, const v1::WorkerFigures& figures, std::size_t labels_max);
    void rank();
    [[nodiscard]] const std::map<std::string, Counts>& named() const { return named_; }
    [[nodiscard]] const Counts& other() const { return other_; }

   private:
    // Names without a label whose traffic is remembered until the next ranking.
    static constexpr std::size_t kCandidatesMax = 10'000;
    std::map<std::string, Counts> named_;
    Counts other_;
    std::map<std::string, std::uint64_t> recent_;  // requests since the last ranking
  };
  struct Column;
  static void render_family(std::string& text, std::string_view label, const Labelled& labelled,
                            const Column& column);

  std::size_t labels_max_;
  Labelled workers_;
  Labelled pops_;
};

}  // namespace isopop::control
