// How depth is charged: the penalty of one penetrating vertex, and its slope.
#pragma once
#include <cmath>
#include <cstdint>

#include "a2p/host_device.h"

namespace a2p {

// The penalty phi(d) of a vertex that lies d deep, with s the scale (m); a pair's loss is its sum over the vertices
// of both meshes.
//   kSquared  d^2 / 2
//   kHuber    d^2 / 2 up to s, then s (d - s / 2)
//   kGmof     d^2 / (d^2 + s^2)   (Geman and McClure, 1987)
enum class DepthLossKind : std::int32_t { kSquared, kHuber, kGmof };

struct DepthLoss {
  DepthLossKind kind = DepthLossKind::kSquared;
  double scale = 1e-3;  // positive; kSquared has none
};

struct Penalty {
  double value = 0;
  double slope_over_depth = 0;  // phi'(d) / d, finite at d = 0
};

// Returns the penalty at the depth whose square is given.
A2P_HD Penalty penalty(const DepthLoss& loss, double depth_squared) noexcept {
  const double scale_squared = loss.scale * loss.scale;
  if (loss.kind == DepthLossKind::kGmof) {
    const double sum = depth_squared + scale_squared;
    return {depth_squared / sum, 2 * scale_squared / (sum * sum)};
  }
  if (loss.kind == DepthLossKind::kHuber && depth_squared > scale_squared) {
    const double depth = sqrt(depth_squared);
    return {loss.scale * (depth - loss.scale / 2), loss.scale / depth};
  }
  return {depth_squared / 2, 1};
}

}  // namespace a2p
