// The surface points of faces that a search in float found, in double. Kernel sources only.
#pragma once
#include "a2p/closest_point.h"
#include "cpu/lanes.h"
#include "cpu/posed_mesh.h"

namespace a2p::A2P_ISA_NAMESPACE {

// Half as many lanes as Lanes has.
typedef double Doubles __attribute__((vector_size(4 * Lanes::kWidth)));
inline constexpr int kDoubles = Lanes::kWidth / 2;

inline Doubles load(const double* memory) {
  Doubles value;
  __builtin_memcpy(&value, memory, sizeof value);
  return value;
}
inline void store(double* memory, const Doubles& value) { __builtin_memcpy(memory, &value, sizeof value); }

// Points with the faces they are closest to, as 16 times the cluster plus the lane; up to as many as lanes.
struct LocatedPoints {
  double position[3][Lanes::kWidth];
  std::int32_t index[Lanes::kWidth];  // the caller's
  std::int32_t face[Lanes::kWidth];
  int count = 0;

  void append(const Vec3<float>& p, std::int32_t which, std::int32_t closest) {
    const float coordinates[3] = {p.x, p.y, p.z};
    for (int axis = 0; axis < 3; ++axis) position[axis][count] = coordinates[axis];
    index[count] = which;
    face[count++] = closest;
  }
};

// Where on its face each point's closest surface point lies.
struct SurfacePoints {
  double weights[3][Lanes::kWidth];  // barycentric
  double offset[3][Lanes::kWidth];               // from the surface to the point
  double squared_distance[Lanes::kWidth];
  std::int32_t corners[Lanes::kWidth][3];  // where each starts in the vertices
};

inline SurfacePoints surface_points(const PosedMesh& mesh, const LocatedPoints& points) {
  SurfacePoints surface;
  double corners[3][3][Lanes::kWidth];
  for (int i = 0; i < Lanes::kWidth; ++i) {
    const std::int32_t face = points.face[i < points.count ? i : 0], cluster = face / kClusterSize,
                       lane = face % kClusterSize;
    for (int k = 0; k < 3; ++k) {
      const std::int32_t start = mesh.topology.corners[(3 * cluster + k) * kClusterSize + lane];
      surface.corners[i][k] = start;
      for (int axis = 0; axis < 3; ++axis) corners[k][axis][i] = mesh.vertices[start + axis];
    }
  }
  for (int first = 0; first < points.count; first += kDoubles) {
    const auto at = [first](const double(&rows)[3][Lanes::kWidth]) {
      return Vec3<Doubles>{load(rows[0] + first), load(rows[1] + first), load(rows[2] + first)};
    };
    const Vec3<Doubles> p = at(points.position), a = at(corners[0]), b = at(corners[1]), c = at(corners[2]);
    const TrianglePoint<Doubles> closest = closest_on_triangle(p, a, b, c);
    const Vec3<Doubles>& w = closest.weights;
    const Vec3<Doubles> offset = (p - a) - w.y * (b - a) - w.z * (c - a);
    const Doubles* parts[7] = {&w.x, &w.y, &w.z, &offset.x, &offset.y, &offset.z, &closest.squared_distance};
    double* rows[7] = {surface.weights[0], surface.weights[1], surface.weights[2],       surface.offset[0],
                       surface.offset[1],  surface.offset[2],  surface.squared_distance};
    for (int i = 0; i < 7; ++i) store(rows[i] + first, *parts[i]);
  }
  return surface;
}

}  // namespace a2p::A2P_ISA_NAMESPACE
