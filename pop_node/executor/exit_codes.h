#pragma once

namespace isopop::executor {

// How this process ends. The PoP learns why from the frames before the end; the code is for people.
inline constexpr int kExitDone = 0;        // the PoP has closed the connection or said Shutdown
inline constexpr int kExitUnexpected = 1;  // a fault of this machine or a bug
inline constexpr int kExitUsage = 2;
inline constexpr int kExitContract = 3;   // the PoP sent a frame out of place
inline constexpr int kExitInvalid = 9;    // --check: the worker is invalid
inline constexpr int kExitCpuLimit = 20;  // a request used up its CPU time in a kept isolate
inline constexpr int kExitMemoryLimit = 21;

}  // namespace isopop::executor
