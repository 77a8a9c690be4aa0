// A check that names what failed and counts it.
#pragma once
#include <cstdio>

namespace a2p::tests {

inline int failures = 0;

}  // namespace a2p::tests

#define A2P_CHECK(condition)                                               \
  do {                                                                     \
    if (!(condition)) {                                                    \
      std::fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
      ++a2p::tests::failures;                                              \
    }                                                                      \
  } while (false)
