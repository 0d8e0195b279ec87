#pragma once

#include <array>

// Every number of the network model, with where it comes from. Nothing else in the project repeats
// one.
//
// "WonderProxy 2020" is the set of round-trip times that the servers of WonderProxy measured
// between each other on 19 and 20 July 2020 ("A day in the life of the Internet", WonderProxy's
// blog, 28 October 2020): 59,829 directed pairs, 246 servers, 89 countries, the day's minimum of
// each pair. The set carries no licence and is not part of this project; the constants were fitted
// to it once (median regression, great-circle distances). docs/simulation-model.md has the errors
// of the fit.
namespace isopop::router::constants {

// Light in fibre, refractive index 1.468 rounded to two thirds of c, there and back: a hard floor.
inline constexpr double kFibreKmPerRttMs = 99.93;

// The median round trip by distance. WonderProxy 2020.
inline constexpr double kBaseSplitKm = 2000;
inline constexpr double kBaseNearFactorMs = 0.2211;  // rtt = factor * km^exponent up to the split
inline constexpr double kBaseNearExponent = 0.710;
inline constexpr double kBaseFarOffsetMs = 17.82;  // rtt = offset + slope * km above it
inline constexpr double kBaseFarSlopeMsPerKm = 0.01634;

// No pair of hosts in different buildings is faster; WonderProxy 2020's lowest values. Judgement.
inline constexpr double kRttFloorMs = 0.3;

// Standard deviation of ln(measured / median) by distance, from the quartiles. WonderProxy 2020.
struct SigmaBand {
  double up_to_km;
  double log_sigma;
};
inline constexpr std::array<SigmaBand, 9> kPathLogSigma = {{
    {100, 0.80},
    {250, 0.70},
    {500, 0.51},
    {1000, 0.40},
    {2000, 0.31},
    {4000, 0.25},
    {8000, 0.30},
    {12000, 0.25},
    {20100, 0.17},
}};

// Jitter of one round trip, added: log-normal with a median of 0.4 ms and a 95th percentile of 6 ms
// (ln(6/0.4)/1.645 = 1.646). WonderProxy 2020: mean minus minimum p50 0.36, p90 2.8, p95 6.3 ms.
inline constexpr double kJitterMedianMs = 0.4;
inline constexpr double kJitterLogSigma = 1.646;

// Clients in one cell share their paths. Judgement: a tenth of a degree (11 km) is a town.
inline constexpr double kClientCellDeg = 0.1;

// Round trips before the first byte of a request on a new connection: TCP's handshake (RFC 9293)
// and TLS 1.3's (RFC 8446, figure 1).
inline constexpr int kSetupRoundTrips = 2;

// Last miles: the median round trip in ms between a home and its provider's measuring node, in the
// FCC's "Measuring Broadband America" of 2013, by way of I. Grigorik, "High Performance Browser
// Networking", O'Reilly 2013, chapter 1: fibre 18, cable 26, DSL 44.
inline constexpr double kFcc2013FibreMs = 18;
inline constexpr double kFcc2013CableMs = 26;
inline constexpr double kFcc2013DslMs = 44;

// Today's. All judgement: below the FCC's figures, which include peak load and twelve years ago.
inline constexpr double kFibreMs = 8;
inline constexpr double kCableMs = 15;
inline constexpr double kDslMs = 25;
inline constexpr double kLteMs = 30;
inline constexpr double kFiveGMs = 18;
inline constexpr double kLeoSatelliteMs = 40;
inline constexpr double kGeoSatelliteMs = 600;  // two times 2 * 35,786 km at c is 477 ms already

// Spread between clients of one kind, as standard deviation of the logarithm. Judgement.
inline constexpr double kWiredLogSigma = 0.5;
inline constexpr double kMobileLogSigma = 0.6;
inline constexpr double kLeoSatelliteLogSigma = 0.4;
inline constexpr double kGeoSatelliteLogSigma = 0.2;

// Shares of clients. Judgement; a guess for the whole world, no country is like it.
inline constexpr double kFibreShare = 0.35;
inline constexpr double kCableShare = 0.20;
inline constexpr double kDslShare = 0.10;
inline constexpr double kLteShare = 0.25;
inline constexpr double kFiveGShare = 0.08;
inline constexpr double kLeoSatelliteShare = 0.015;
inline constexpr double kGeoSatelliteShare = 0.005;

}  // namespace isopop::router::constants
