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

// T is a floating-point type, or a vector of them with one triangle and point a lane: every choice below is a
// selection.

// Returns where on the segment from a to b the point closest to p lies, as a share in [0, 1] of the way.
template <typename T>
A2P_HD T closest_share(const Vec3<T>& p, const Vec3<T>& a, const Vec3<T>& b) noexcept {
  const T zero{}, one = zero + 1;
  const Vec3<T> along = b - a;
  const T length_squared = dot(along, along);
  const T share = dot(p - a, along) / (length_squared > zero ? length_squared : one);
  return share < zero ? zero : share > one ? one : share;
}

// Returns the point of triangle abc that is closest to p: the foot of the perpendicular where that falls inside,
// else the best of the three edges. A degenerate triangle is the segment or point that it covers.
template <typename T>
A2P_HD TrianglePoint<T> closest_on_triangle(const Vec3<T>& p, const Vec3<T>& a, const Vec3<T>& b,
                                            const Vec3<T>& c) noexcept {
  const T zero{}, one = zero + 1;
  const Vec3<T> ab = b - a, ac = c - a, ap = p - a;
  const auto squared_distance_at = [&](const T& wb, const T& wc) {
    const Vec3<T> offset = ap - wb * ab - wc * ac;
    return dot(offset, offset);
  };
  const T share_ab = closest_share(p, a, b), share_bc = closest_share(p, b, c), share_ca = closest_share(p, c, a);
  TrianglePoint<T> best{{one - share_ab, share_ab, zero}, squared_distance_at(share_ab, zero)};
  const auto consider = [&](const auto& is_better, const Vec3<T>& weights, const T& squared) {
    best.weights.x = is_better ? weights.x : best.weights.x;
    best.weights.y = is_better ? weights.y : best.weights.y;
    best.weights.z = is_better ? weights.z : best.weights.z;
    best.squared_distance = is_better ? squared : best.squared_distance;
  };
  const T on_bc = squared_distance_at(one - share_bc, share_bc), on_ca = squared_distance_at(zero, one - share_ca);
  consider(on_bc < best.squared_distance, Vec3<T>{zero, one - share_bc, share_bc}, on_bc);
  consider(on_ca < best.squared_distance, Vec3<T>{share_ca, zero, one - share_ca}, on_ca);
  const Vec3<T> normal = cross(ab, ac);
  const T normal_squared = dot(normal, normal), divisor = normal_squared > zero ? normal_squared : one;
  const T foot_wb = dot(cross(ap, ac), normal) / divisor, foot_wc = dot(cross(ab, ap), normal) / divisor;
  const T foot_wa = one - foot_wb - foot_wc;
  const auto is_inside = (normal_squared > zero) & (foot_wa >= zero) & (foot_wb >= zero) & (foot_wc >= zero);
  consider(is_inside, Vec3<T>{foot_wa, foot_wb, foot_wc}, squared_distance_at(foot_wb, foot_wc));
  return best;
}

}  // namespace a2p
