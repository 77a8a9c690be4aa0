// Small functions of numbers, colours and directions that every stage uses.
#pragma once
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>

#include "a2p/picture/scene.h"
#include "a2p/vec3.h"

namespace a2p::picture {

using Vec = Vec3<float>;

inline Vec vec(const Triple& t) noexcept { return {t[0], t[1], t[2]}; }
inline float saturate(float x) noexcept { return std::min(std::max(x, 0.0F), 1.0F); }
inline float mix(float a, float b, float t) noexcept { return a + (b - a) * t; }
inline Vec mix(const Vec& a, const Vec& b, float t) noexcept { return a + t * (b - a); }
inline Vec multiply(const Vec& a, const Vec& b) noexcept { return {a.x * b.x, a.y * b.y, a.z * b.z}; }
inline float length(const Vec& a) noexcept { return std::sqrt(dot(a, a)); }

// std::floor without a call where the processor has no instruction for it. Requires |x| < 2^31.
inline float floored(float x) noexcept {
  const auto whole = static_cast<float>(static_cast<std::int32_t>(x));
  return whole > x ? whole - 1.0F : whole;
}

// Cubic step from 0 at `low` to 1 at `high`.
inline float smooth_step(float low, float high, float x) noexcept {
  const float t = saturate((x - low) / (high - low));
  return t * t * (3.0F - 2.0F * t);
}

// Unit vector; a zero vector stays zero.
inline Vec unit(const Vec& a) noexcept {
  const float squared = dot(a, a);
  return squared > 0.0F ? (1.0F / std::sqrt(squared)) * a : a;
}

// `a` without its part along the unit vector `axis`, at length 1.
inline Vec unit_across(const Vec& a, const Vec& axis) noexcept { return unit(a - dot(a, axis) * axis); }

// A well mixed number of a counter (Wang's and Murmur's finishers).
inline std::uint32_t hashed(std::uint32_t x) noexcept {
  x ^= x >> 16;
  x *= 0x7feb352dU;
  x ^= x >> 15;
  x *= 0x846ca68bU;
  return x ^ (x >> 16);
}

// x^16 and the like without std::pow: `doublings` squarings.
inline float power_of_two(float x, int doublings) noexcept {
  for (int i = 0; i < doublings; ++i) x *= x;
  return x;
}

// Smooth noise of a plane in about [-1, 1], tiling every 256 units; one unit is the size of its blotches.
class NoisePlane {
 public:
  static constexpr std::int32_t kSide = 256;

  static const NoisePlane& get() {
    static const NoisePlane plane;
    return plane;
  }

  float at(float x, float y) const noexcept {
    const float fx = floored(x), fy = floored(y);
    float u = x - fx, v = y - fy;
    u = u * u * (3.0F - 2.0F * u);
    v = v * v * (3.0F - 2.0F * v);
    const auto column = static_cast<std::uint32_t>(static_cast<std::int32_t>(fx)) & (kSide - 1);
    const auto row = static_cast<std::uint32_t>(static_cast<std::int32_t>(fy)) & (kSide - 1);
    const std::uint32_t right = (column + 1) & (kSide - 1), below = (row + 1) & (kSide - 1);
    return mix(mix(value(column, row), value(right, row), u), mix(value(column, below), value(right, below), u), v);
  }

  // Two octaves.
  float cloudy(float x, float y) const noexcept {
    return 0.65F * at(x, y) + 0.45F * at(2.63F * x + 17.0F, 2.63F * y + 5.0F);
  }

 private:
  NoisePlane() {
    for (std::uint32_t i = 0; i < values_.size(); ++i) {
      values_[i] = static_cast<float>(hashed(i + 1U)) * (2.0F / 4294967296.0F) - 1.0F;
    }
  }
  float value(std::uint32_t column, std::uint32_t row) const noexcept { return values_[row * kSide + column]; }

  std::array<float, kSide * kSide> values_;
};

}  // namespace a2p::picture
