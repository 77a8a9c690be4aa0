// The surface points of faces that a search in float found, in double. Kernel sources only.
#pragma once
#include "a2p/closest_point.h"
#include "cpu/nearest.h"

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

// Points with faces that may be closest to them, as 16 times the cluster plus the lane; a point's stand together.
struct LocatedPoints {
  static constexpr int kMost = 4 * Lanes::kWidth;

  double position[3][kMost];
  std::int32_t slot[kMost];  // the point's number in its group
  std::int32_t face[kMost];
  int count = 0;

  bool has_room() const { return count <= kMost - Lanes::kWidth; }

  void append(const Vec3<float>& p, std::int32_t which, const Candidates& candidates) {
    for (int i = 0; i < candidates.count; ++i) {
      position[0][count] = p.x;
      position[1][count] = p.y;
      position[2][count] = p.z;
      slot[count] = which;
      face[count++] = candidates.faces[i];
    }
  }
};

// Where on its face each point's closest surface point lies.
struct SurfacePoints {
  double weights[3][LocatedPoints::kMost];  // barycentric
  double offset[3][LocatedPoints::kMost];   // from the surface to the point
  double squared_distance[LocatedPoints::kMost];
  std::int32_t corners[LocatedPoints::kMost][3];  // where each starts in the vertices
};

// Requires at least one point.
inline SurfacePoints surface_points(const PosedMesh& mesh, LocatedPoints& points) {
  SurfacePoints surface;
  double corners[3][3][LocatedPoints::kMost];
  for (int i = 0; i < points.count; ++i) {
    const std::int32_t face = points.face[i], cluster = face / kClusterSize, lane = face % kClusterSize;
    for (int k = 0; k < 3; ++k) {
      const std::int32_t start = mesh.topology.corners[(3 * cluster + k) * kClusterSize + lane];
      surface.corners[i][k] = start;
      for (int axis = 0; axis < 3; ++axis) corners[k][axis][i] = mesh.vertices[start + axis];
    }
  }
  for (int i = points.count; i % kDoubles != 0; ++i) {  // lanes past the end have the last one's company
    for (int axis = 0; axis < 3; ++axis) {
      points.position[axis][i] = points.position[axis][points.count - 1];
      for (int k = 0; k < 3; ++k) corners[k][axis][i] = corners[k][axis][points.count - 1];
    }
  }
  for (int first = 0; first < points.count; first += kDoubles) {
    const auto at = [first](const double (&rows)[3][LocatedPoints::kMost]) {
      return Vec3<Doubles>{load(rows[0] + first), load(rows[1] + first), load(rows[2] + first)};
    };
    const Vec3<Doubles> p = at(points.position), a = at(corners[0]), b = at(corners[1]), c = at(corners[2]);
    const TrianglePoint<Doubles> closest = closest_on_triangle(p, a, b, c);
    const Vec3<Doubles>& w = closest.weights;
    const Vec3<Doubles> offset = (p - a) - w.y * (b - a) - w.z * (c - a);
    const Doubles* parts[7] = {&w.x, &w.y, &w.z, &offset.x, &offset.y, &offset.z, &closest.squared_distance};
    double* rows[7] = {surface.weights[0], surface.weights[1], surface.weights[2],      surface.offset[0],
                       surface.offset[1],  surface.offset[2],  surface.squared_distance};
    for (int i = 0; i < 7; ++i) store(rows[i] + first, *parts[i]);
  }
  return surface;
}

// Returns which of the faces of the point at `i` is closest to it, and moves `i` on to the next point.
inline int closest_of_point(const LocatedPoints& points, const SurfacePoints& surface, int& i) {
  const std::int32_t slot = points.slot[i];
  int best = i;
  for (++i; i < points.count && points.slot[i] == slot; ++i) {
    if (surface.squared_distance[i] < surface.squared_distance[best]) best = i;
  }
  return best;
}

}  // namespace a2p::A2P_ISA_NAMESPACE
