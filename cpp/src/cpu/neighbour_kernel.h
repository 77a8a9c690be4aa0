// The kernel of cpu/neighbour_kernel.cpp, one copy an instruction set.
#pragma once
#include <cstdint>

namespace a2p {

// Points by coordinate, with the squared distance to the nearest point of the other side, and that point's index.
struct NeighbourRows {
  const double *x, *y, *z;
  double *squared, *nearest;
  std::int64_t count;
};

}  // namespace a2p

#define A2P_DECLARE_NEIGHBOURS(isa)                                              \
  namespace a2p::isa {                                                           \
  void find_neighbours(const NeighbourRows& a, const NeighbourRows& b) noexcept; \
  }

// Writes `nearest` and `squared` of both sides; equal distances go to the lowest index. Requires infinite `squared`.
A2P_DECLARE_NEIGHBOURS(portable)
#if defined(__x86_64__)
A2P_DECLARE_NEIGHBOURS(avx2)
A2P_DECLARE_NEIGHBOURS(avx512)
#elif defined(__aarch64__)
A2P_DECLARE_NEIGHBOURS(neon)
#endif
