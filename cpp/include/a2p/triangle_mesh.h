// A triangle mesh as plain arrays in double precision, for what is measured once and not posed again and again.
#pragma once
#include <cstdint>
#include <span>

#include "a2p/vec3.h"

namespace a2p {

struct TriangleMesh {
  std::span<const Vec3<double>> vertices;     // m
  std::span<const Vec3<std::int64_t>> faces;  // corners' indices, counter-clockwise seen from outside
};

}  // namespace a2p
