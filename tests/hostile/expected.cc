#include "tests/hostile/hostile_case.h"

namespace isopop::hostile {

Expected cpu_limit() {
  return {.status = 503,
          .body = "error code: 1102\nThe worker reached its CPU time limit of ",
          .limit = "cpu"};
}

Expected memory_limit() {
  return {.status = 503,
          .body = "error code: 1102\nThe worker reached its memory limit: ",
          .limit = "memory"};
}

Expected wall_limit() {
  return {.status = 503,
          .body = "error code: 1102\nThe worker did not answer within its time limit of ",
          .limit = "wall"};
}

Expected exception() {
  return {.status = 500, .body = "error code: 1101\nThe worker threw an exception."};
}

Expected not_started() {
  return {.status = 500, .body = "error code: 1101\nThe worker failed to start."};
}

Expected cannot_start() {
  return {.status = 503, .body = "error code: 503\nThe worker cannot be started here now."};
}

Expected any() {
  return {.status = 0, .body = "error code: 110"};
}

Expected invalid() {
  return {.status = 500, .body = "error code: 1101\nThe worker gave no valid answer."};
}

Expected lost() {
  return {.status = 500, .body = "error code: 1101\nThe worker ended before it answered."};
}

Expected broken_off() {
  return {.status = 200, .body = "(broken off)"};
}

std::vector<v1::Isolation> sealing_modes() {
  return {v1::ISOLATION_PRISTINE, v1::ISOLATION_FRESH};
}

std::vector<v1::Isolation> every_mode() {
  return {v1::ISOLATION_PRISTINE, v1::ISOLATION_FRESH, v1::ISOLATION_WARM};
}

}  // namespace isopop::hostile
