#include "sim/trace/table_columns.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/geo/geo_point.h"
#include "common/text/text.h"
#include "sim/trace/trace_time.h"

namespace isopop::sim {
namespace {

struct Alias {
  std::string_view name;
  TableColumn column;
};

// Names without '_', '-', '@' and spaces, lower case. "edge…" and "client…" are those of
// Cloudflare's Logpush, "time_iso8601" and "remote_addr" nginx's, "@timestamp" Elastic's.
constexpr std::array kAliases = {
    Alias{"time", TableColumn::kTime},
    Alias{"timestamp", TableColumn::kTime},
    Alias{"ts", TableColumn::kTime},
    Alias{"datetime", TableColumn::kTime},
    Alias{"starttime", TableColumn::kTime},
    Alias{"timeiso8601", TableColumn::kTime},
    Alias{"timelocal", TableColumn::kTime},
    Alias{"edgestarttimestamp", TableColumn::kTime},
    Alias{"client", TableColumn::kClient},
    Alias{"clientid", TableColumn::kClient},
    Alias{"clientip", TableColumn::kClient},
    Alias{"clientaddress", TableColumn::kClient},
    Alias{"remoteaddr", TableColumn::kClient},
    Alias{"remotehost", TableColumn::kClient},
    Alias{"remoteip", TableColumn::kClient},
    Alias{"ip", TableColumn::kClient},
    Alias{"method", TableColumn::kMethod},
    Alias{"httpmethod", TableColumn::kMethod},
    Alias{"requestmethod", TableColumn::kMethod},
    Alias{"clientrequestmethod", TableColumn::kMethod},
    Alias{"verb", TableColumn::kMethod},
    Alias{"host", TableColumn::kHost},
    Alias{"httphost", TableColumn::kHost},
    Alias{"servername", TableColumn::kHost},
    Alias{"vhost", TableColumn::kHost},
    Alias{"authority", TableColumn::kHost},
    Alias{"clientrequesthost", TableColumn::kHost},
    Alias{"path", TableColumn::kTarget},
    Alias{"target", TableColumn::kTarget},
    Alias{"url", TableColumn::kTarget},
    Alias{"uri", TableColumn::kTarget},
    Alias{"requesturi", TableColumn::kTarget},
    Alias{"requesturl", TableColumn::kTarget},
    Alias{"requestpath", TableColumn::kTarget},
    Alias{"clientrequesturi", TableColumn::kTarget},
    Alias{"cachekey", TableColumn::kTarget},
    Alias{"request", TableColumn::kRequestLine},
    Alias{"requestline", TableColumn::kRequestLine},
    Alias{"city", TableColumn::kCity},
    Alias{"clientcity", TableColumn::kCity},
    Alias{"lat", TableColumn::kLatitude},
    Alias{"latitude", TableColumn::kLatitude},
    Alias{"clientlatitude", TableColumn::kLatitude},
    Alias{"lon", TableColumn::kLongitude},
    Alias{"lng", TableColumn::kLongitude},
    Alias{"longitude", TableColumn::kLongitude},
    Alias{"clientlongitude", TableColumn::kLongitude},
};

std::string_view cell(const TableRow& row, TableColumn column) {
  const std::string_view text = trim(row.at(static_cast<std::size_t>(column)));
  return text == "-" ? std::string_view() : text;
}

Result<void> take_place(const TableRow& row, RequestFields& fields) {
  fields.city = cell(row, TableColumn::kCity);
  const std::string_view latitude = cell(row, TableColumn::kLatitude);
  const std::string_view longitude = cell(row, TableColumn::kLongitude);
  if (latitude.empty() && longitude.empty()) return {};
  fields.location = fmt::format("{},{}", latitude, longitude);
  const Result<GeoPoint> point = parse_geo_point(fields.location);
  if (!point.ok()) return point.error();
  return {};
}

}  // namespace

std::optional<TableColumn> table_column(std::string_view name) {
  std::string plain = to_lower(trim(name));
  std::erase_if(plain, [](char c) { return c == '_' || c == '-' || c == '@' || c == ' '; });
  for (const Alias& alias : kAliases) {
    if (alias.name == plain) return alias.column;
  }
  return std::nullopt;
}

Result<void> take_row(const TableRow& row, RequestFields& fields) {
  fields.clear();
  ISOPOP_TRY_ASSIGN(fields.time_ns,
                    parse_any_time(row.at(static_cast<std::size_t>(TableColumn::kTime))));
  const std::string_view request_line = cell(row, TableColumn::kRequestLine);
  if (!request_line.empty()) ISOPOP_TRY(take_request_line(request_line, fields));
  const std::string_view method = cell(row, TableColumn::kMethod);
  if (!method.empty()) ISOPOP_TRY(take_method(method, fields));
  const std::string_view target = cell(row, TableColumn::kTarget);
  if (!target.empty()) ISOPOP_TRY(take_target(target, RelativePath::kGetsSlash, fields));
  if (fields.method.empty()) fields.method = "GET";
  if (fields.target.empty()) fields.target = "/";
  fields.client = cell(row, TableColumn::kClient);
  // A host column says more than the host of an absolute URL, if both are there.
  const std::string_view host = cell(row, TableColumn::kHost);
  if (!host.empty()) fields.host = to_lower(host);
  return take_place(row, fields);
}

Result<TableColumns> TableColumns::find(const std::vector<std::string>& names) {
  TableColumns columns;
  std::size_t found = 0;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const std::optional<TableColumn> column = table_column(names[i]);
    if (!column) continue;
    std::optional<std::size_t>& index = columns.indices_.at(static_cast<std::size_t>(*column));
    if (index) {
      return invalid_argument(
          fmt::format("columns '{}' and '{}' stand for the same thing", names[*index], names[i]));
    }
    index = i;
    ++found;
  }
  if (!columns.index(TableColumn::kTime)) {
    return invalid_argument(
        fmt::format("no column is named time (or timestamp, ts …); there are: {}",
                    truncate_utf8(join(names, " "), 120)));
  }
  if (found < 2) {
    return invalid_argument(
        "beside the time there is no column client, path, host, method or city");
  }
  return columns;
}

}  // namespace isopop::sim
