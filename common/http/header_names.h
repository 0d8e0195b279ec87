#pragma once

#include <string_view>

// The header names that Isopop's programs say to each other and to their clients. Lower case, as
// HTTP/2 has it; compared without regard to case.
namespace isopop::http::header_names {

// Client to router: where the simulated client is. The first that is there counts; with none the
// place is drawn by city population, seeded by the client id.
inline constexpr std::string_view kClientLocation = "isopop-client-location";  // "52.37,4.89"
inline constexpr std::string_view kClientCity = "isopop-client-city";  // "Amsterdam", "Paris,FR"
inline constexpr std::string_view kClientId = "isopop-client-id";  // any text; default: its address
// "new" or "kept": whether the simulated client opens a connection for this request. Default:
// whether the real one did.
inline constexpr std::string_view kConnection = "isopop-connection";

// Router to PoP, besides kClientLocation and kClientCity.
inline constexpr std::string_view kClientCountry = "isopop-client-country";  // ISO 3166-1 alpha-2

// PoP to client.
inline constexpr std::string_view kRay = "isopop-ray";          // "<16 hex>-AMS"
inline constexpr std::string_view kStart = "isopop-start";      // cold pristine fresh warm
inline constexpr std::string_view kVersion = "isopop-version";  // "7": of the worker that answered

// Router to client, besides kClientLocation: where the client was placed.
inline constexpr std::string_view kPop = "isopop-pop";                 // "AMS"
inline constexpr std::string_view kDistanceKm = "isopop-distance-km";  // "12.3"
inline constexpr std::string_view kNet = "isopop-net";                 // real, account
inline constexpr std::string_view kServerTiming = "server-timing";     // W3C Server Timing

// Of HTTP itself.
inline constexpr std::string_view kAllow = "allow";
inline constexpr std::string_view kHttpConnection = "connection";
inline constexpr std::string_view kContentLength = "content-length";
inline constexpr std::string_view kContentType = "content-type";
inline constexpr std::string_view kDate = "date";
inline constexpr std::string_view kExpect = "expect";
inline constexpr std::string_view kForwardedFor = "x-forwarded-for";
inline constexpr std::string_view kHost = "host";
inline constexpr std::string_view kRetryAfter = "retry-after";
inline constexpr std::string_view kTransferEncoding = "transfer-encoding";

}  // namespace isopop::http::header_names

// Paths under which PoP and router answer for themselves, whatever the host: no worker is asked.
namespace isopop::http::own_paths {

inline constexpr std::string_view kPrefix = "/__isopop/";
inline constexpr std::string_view kHealth = "/__isopop/healthz";   // 200 while the process runs
inline constexpr std::string_view kReady = "/__isopop/readyz";     // 200 or 503
inline constexpr std::string_view kMetrics = "/__isopop/metrics";  // Prometheus text

}  // namespace isopop::http::own_paths

// Names of the server-timing metrics, all in milliseconds.
namespace isopop::http::timing_names {

// Of the PoP: from the parsed head to the answer's head; of it waiting for an executor; making the
// isolate; running the worker.
inline constexpr std::string_view kPop = "pop";
inline constexpr std::string_view kQueue = "queue";
inline constexpr std::string_view kIsolate = "isolate";
inline constexpr std::string_view kRun = "run";
// Of the router: modelled last mile, modelled backbone, modelled set-up of a new connection (waited
// with
// --net real, only told with --net account), and the router's own real time.
inline constexpr std::string_view kAccess = "access";
inline constexpr std::string_view kNet = "net";
inline constexpr std::string_view kSetup = "setup";
inline constexpr std::string_view kRouter = "router";

}  // namespace isopop::http::timing_names
