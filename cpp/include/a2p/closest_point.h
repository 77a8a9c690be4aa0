// The closest point of a triangle, for any triangle.
#pragma once
#include "a2p/host_device.h"
#include "a2p/vec3.h"

namespace a2p {

template <typename T>
struct TrianglePoint {
  Vec3<T> weights{};  // barycentric; each in [0, 1], summing to 1
  T squared_distance{};
};

// Returns where on the segment from a to b the point closest to p lies, as a share in [0, 1] of the way.
template <typename T>
A2P_HD T closest_share(const Vec3<T>& p, const Vec3<T>& a, const Vec3<T>& b) noexcept {
  const Vec3<T> along = b - a;
  const T length_squared = dot(along, along);
  if (!(length_squared > 0)) return T{0};
  const T share = dot(p - a, along) / length_squared;
  return share < 0 ? T{0} : share > 1 ? T{1} : share;
}

// Returns the point of triangle abc that is closest to p: the foot of the perpendicular where that falls inside,
// else the best of the three edges. A degenerate triangle is the segment or point that it covers.
template <typename T>
A2P_HD TrianglePoint<T> closest_on_triangle(const Vec3<T>& p, const Vec3<T>& a, const Vec3<T>& b,
                                            const Vec3<T>& c) noexcept {
  const Vec3<T> ab = b - a, ac = c - a, ap = p - a;
  const Vec3<T> normal = cross(ab, ac);
  const T normal_squared = dot(normal, normal);
  if (normal_squared > 0) {
    const T wb = dot(cross(ap, ac), normal) / normal_squared;
    const T wc = dot(cross(ab, ap), normal) / normal_squared;
    const T wa = T{1} - wb - wc;
    if (wa >= 0 && wb >= 0 && wc >= 0) {
      const Vec3<T> offset = ap - wb * ab - wc * ac;
      return {{wa, wb, wc}, dot(offset, offset)};
    }
  }
  const T share_ab = closest_share(p, a, b), share_bc = closest_share(p, b, c), share_ca = closest_share(p, c, a);
  const TrianglePoint<T> candidates[3] = {{{T{1} - share_ab, share_ab, T{0}}, T{}},
                                          {{T{0}, T{1} - share_bc, share_bc}, T{}},
                                          {{share_ca, T{0}, T{1} - share_ca}, T{}}};
  TrianglePoint<T> best{};
  for (int edge = 0; edge < 3; ++edge) {
    const Vec3<T>& weights = candidates[edge].weights;
    const Vec3<T> offset = ap - weights.y * ab - weights.z * ac;
    const T squared = dot(offset, offset);
    if (edge == 0 || squared < best.squared_distance) best = {weights, squared};
  }
  return best;
}

}  // namespace a2p
