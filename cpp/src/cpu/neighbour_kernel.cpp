// Nearest neighbours of two sets of points by trying all pairs, both ways at once; compiled once per instruction set,
// without contraction, so that every set gives the same distances.
#include "cpu/neighbour_kernel.h"

namespace a2p::A2P_ISA_NAMESPACE {
namespace {

constexpr int kStride = 8;

// The nearest so far of every kStride-th point.
struct alignas(64) Nearest {
  double squared[kStride], index[kStride];
};

// Measures one point of a against kStride of b, from `first` on.
void measure(const NeighbourRows& b, std::int64_t first, double x, double y, double z, double index, Nearest& nearest) {
  const double* __restrict bx = b.x + first, * __restrict by = b.y + first, * __restrict bz = b.z + first;
  double* __restrict b_squared = b.squared + first, * __restrict b_nearest = b.nearest + first;
  const auto first_index = static_cast<double>(first);
  for (int lane = 0; lane < kStride; ++lane) {
    const double dx = bx[lane] - x, dy = by[lane] - y, dz = bz[lane] - z;
    const double squared = dx * dx + dy * dy + dz * dz;
    nearest.index[lane] = squared < nearest.squared[lane] ? first_index + lane : nearest.index[lane];
    nearest.squared[lane] = squared < nearest.squared[lane] ? squared : nearest.squared[lane];
    b_nearest[lane] = squared < b_squared[lane] ? index : b_nearest[lane];
    b_squared[lane] = squared < b_squared[lane] ? squared : b_squared[lane];
  }
}

}  // namespace

void find_neighbours(const NeighbourRows& a, const NeighbourRows& b) noexcept {
  const std::int64_t whole = b.count / kStride * kStride;
  for (std::int64_t i = 0; i < a.count; ++i) {
    Nearest nearest;
    for (int lane = 0; lane < kStride; ++lane) {
      nearest.squared[lane] = __builtin_inf();
      nearest.index[lane] = 0;
    }
    for (std::int64_t j = 0; j < whole; j += kStride) {
      measure(b, j, a.x[i], a.y[i], a.z[i], static_cast<double>(i), nearest);
    }
    for (int lane = 0; lane < kStride; ++lane) {
      const bool is_better = nearest.squared[lane] < a.squared[i] ||
                             (nearest.squared[lane] == a.squared[i] && nearest.index[lane] < a.nearest[i]);
      if (!is_better) continue;
      a.squared[i] = nearest.squared[lane];
      a.nearest[i] = nearest.index[lane];
    }
    for (std::int64_t j = whole; j < b.count; ++j) {
      const double dx = b.x[j] - a.x[i], dy = b.y[j] - a.y[i], dz = b.z[j] - a.z[i];
      const double squared = dx * dx + dy * dy + dz * dz;
      if (squared < a.squared[i]) {
        a.squared[i] = squared;
        a.nearest[i] = static_cast<double>(j);
      }
      if (squared < b.squared[j]) {
        b.squared[j] = squared;
        b.nearest[j] = static_cast<double>(i);
      }
    }
  }
}

}  // namespace a2p::A2P_ISA_NAMESPACE
