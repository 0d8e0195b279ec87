#pragma once

#include <cstdio>
#include <memory>
#include <string>

#include "common/result/result.h"
#include "sim/report/request_outcome.h"

namespace isopop::sim {

// requests.csv: one row a request, in the order of completion (`index` is the order of intended
// times). Rows go to the file as they come, through a buffer. A write that fails is kept and told
// by close(). Not thread-safe.
class RequestsCsv final {
 public:
  // Makes the file anew and writes the header row.
  [[nodiscard]] static Result<std::unique_ptr<RequestsCsv>> create(const std::string& path);
  ~RequestsCsv();
  RequestsCsv(const RequestsCsv&) = delete;
  RequestsCsv& operator=(const RequestsCsv&) = delete;

  void add(const PlannedRequest& request, const RequestOutcome& outcome);
  [[nodiscard]] Result<void> close();

 private:
  RequestsCsv(std::FILE* file, std::string path) : file_(file), path_(std::move(path)) {}
  void write(const std::string& text);

  std::FILE* file_;
  std::string path_;
  int error_ = 0;  // the first errno of a write
};

// A field as RFC 4180 has it: quoted when it must be.
[[nodiscard]] std::string csv_field(std::string_view text);

}  // namespace isopop::sim
