// Queries of one warp against one posed mesh: is a point inside, and where is the closest surface point.
// Compile with -fmad=false: the crossing test relies on products that are rounded by themselves.
#pragma once
#include <cuda_runtime.h>

#include <cstdint>

#include "a2p/closest_point.h"
#include "a2p/crossing.h"
#include "a2p/topology_view.h"
#include "a2p/vec3.h"
#include "cuda/warp.cuh"

namespace a2p::cuda {

static_assert(kClusterSize == kHalfWarp);
inline constexpr float kEpsilon = 1.1920929e-07f;
inline constexpr float kHighest = 3.402823466e+38f;

// The bounds of a cluster or mesh. In w stand a cluster's bounds on the rounding errors of crossing.h's functions in
// float, for a point in the box's column: 4 roundings a factor pair in an edge, 7 a term in a height, with room.
struct Box {
  float4 lowest;   // w: edge tolerance
  float4 highest;  // w: height tolerance
};

// One pose of a topology. Offset is what stands in `corners`: std::int32_t, or std::uint16_t where that suffices.
template <typename Offset>
struct PosedMesh {
  std::int32_t cluster_count;
  std::int32_t surface_cluster_count;
  const float* vertices;       // (v, 3)
  const Box* boxes;            // (cluster)
  const Offset* corners;       // (cluster, 3, lane) where the corner starts in the vertices
  const std::uint16_t* lanes;  // (cluster) one bit a lane that holds a face of its own
  Box box;
};

__device__ __forceinline__ Vec3<float> vertex_at(const float* vertices, std::int32_t offset) {
  return {vertices[offset], vertices[offset + 1], vertices[offset + 2]};
}

__device__ __forceinline__ bool is_strictly_inside(const Box& box, const Vec3<float>& p) {
  return p.x > box.lowest.x && p.x < box.highest.x && p.y > box.lowest.y && p.y < box.highest.y && p.z > box.lowest.z &&
         p.z < box.highest.z;
}

// The corners of a face, and where they start in the vertices, which also orders them.
struct Face {
  Vec3<float> corners[3];
  int offsets[3];
};

// Returns the face of a slot: kClusterSize times the cluster plus the lane.
template <typename Offset>
__device__ __forceinline__ Face load_face(const PosedMesh<Offset>& mesh, std::int32_t slot) {
  const std::int32_t cluster = slot / kClusterSize, lane = slot % kClusterSize;
  const Offset* from = mesh.corners + cluster * 3 * kClusterSize + lane;
  Face face;
#pragma unroll
  for (int corner = 0; corner < 3; ++corner) {
    face.offsets[corner] = from[corner * kClusterSize];
    face.corners[corner] = vertex_at(mesh.vertices, face.offsets[corner]);
  }
  return face;
}

// The same as cross_face, out of line: it is rare, and inlined it would take registers from everything else.
static __device__ __attribute__((noinline)) Crossing cross_face_exactly(const Face& face, const Vec3<float>& p) {
  return cross_face(p, face.corners, face.offsets);
}

// Returns the face's part of the winding number for a ray from p up or down. Where rounding could decide a sign it is
// decided exactly, so that neighbours agree about their common edge.
__device__ __forceinline__ int crossing_of_face(const Face& face, const Box& box, const Vec3<float>& p, bool is_up) {
  const Vec3<float>(&corners)[3] = face.corners;
  const float x0 = corners[0].x - p.x, y0 = corners[0].y - p.y, x1 = corners[1].x - p.x, y1 = corners[1].y - p.y,
              x2 = corners[2].x - p.x, y2 = corners[2].y - p.y;
  const float e0 = x0 * y1 - y0 * x1, e1 = x1 * y2 - y1 * x2, e2 = x2 * y0 - y2 * x0;
  // Negated, so that a tolerance or an edge that overflowed counts as near.
  const bool is_edge_near = !(fminf(fminf(fabsf(e0), fabsf(e1)), fabsf(e2)) > box.lowest.w);
  const bool is_leaving = fminf(fminf(e0, e1), e2) > 0, is_entering = fmaxf(fmaxf(e0, e1), e2) < 0;
  if (!is_edge_near && !is_leaving && !is_entering) return 0;
  const float height = e1 * (corners[0].z - p.z) + e2 * (corners[1].z - p.z) + e0 * (corners[2].z - p.z);
  Crossing crossing;
  if (is_edge_near || !(fabsf(height) > box.highest.w)) {
    crossing = cross_face_exactly(face, p);
  } else {
    crossing = {is_leaving ? 1 : -1, is_leaving == (height > 0)};
  }
  if (crossing.direction == 0 || crossing.is_above != is_up) return 0;
  return is_up ? crossing.direction : -crossing.direction;
}

// Takes the two lowest bits out of a set, or -1 where there is none left.
__device__ __forceinline__ int2 take_two(unsigned& set) {
  const int first = __ffs(static_cast<int>(set)) - 1;
  set &= set - 1;
  const int second = set != 0 ? __ffs(static_cast<int>(set)) - 1 : -1;
  set &= set - 1;
  return {first, second};
}

// Returns the winding number of the mesh about p, which all lanes hold. Every lane takes part. Requires p strictly
// inside the mesh's box.
template <typename Offset>
__device__ __forceinline__ int winding_number(const PosedMesh<Offset>& mesh, const Vec3<float>& p) {
  const int lane = lane_index();
  const bool is_up = p.z - mesh.box.lowest.z > mesh.box.highest.z - p.z;
  int count = 0;
  for (std::int32_t first = 0; first < mesh.cluster_count; first += kWarp) {
    bool is_hit = false;
    if (first + lane < mesh.cluster_count) {
      const Box box = mesh.boxes[first + lane];
      is_hit = p.x >= box.lowest.x && p.x <= box.highest.x && p.y >= box.lowest.y && p.y <= box.highest.y &&
               (is_up ? p.z <= box.highest.z : p.z >= box.lowest.z);
    }
    // Two clusters at a time, one a half warp.
    for (unsigned hits = __ballot_sync(kAllLanes, is_hit); hits != 0;) {
      const int2 two = take_two(hits);
      const int mine = lane < kHalfWarp ? two.x : two.y;
      if (mine < 0) continue;
      const std::int32_t cluster = first + mine;
      if ((mesh.lanes[cluster] >> (lane % kHalfWarp) & 1) == 0) continue;
      const Face face = load_face(mesh, cluster * kClusterSize + lane % kHalfWarp);
      count += crossing_of_face(face, mesh.boxes[cluster], p, is_up);
    }
  }
  return sum_over_warp(count);
}

__device__ __forceinline__ float squared_distance_to_box(const Box& box, const Vec3<float>& p) {
  const float dx = fmaxf(fmaxf(box.lowest.x - p.x, p.x - box.highest.x), 0.0f);
  const float dy = fmaxf(fmaxf(box.lowest.y - p.y, p.y - box.highest.y), 0.0f);
  const float dz = fmaxf(fmaxf(box.lowest.z - p.z, p.z - box.highest.z), 0.0f);
  return dx * dx + dy * dy + dz * dz;
}

// Orders candidates by distance, then by slot or cluster.
__device__ __forceinline__ unsigned long long candidate(float squared, std::int32_t which) {
  return static_cast<unsigned long long>(__float_as_uint(squared)) << 32 | static_cast<unsigned>(which);
}

__device__ __forceinline__ float squared_of(unsigned long long key) {
  return __uint_as_float(static_cast<unsigned>(key >> 32));
}

__device__ __forceinline__ std::int32_t which_of(unsigned long long key) {
  return static_cast<std::int32_t>(key & 0xffffffffu);
}

template <typename Offset>
__device__ __forceinline__ unsigned long long face_candidate(const PosedMesh<Offset>& mesh, std::int32_t slot,
                                                             const Vec3<float>& p) {
  const Face face = load_face(mesh, slot);
  const Vec3<float> origin{0, 0, 0};
  const Vec3<float> a = face.corners[0] - p, b = face.corners[1] - p, c = face.corners[2] - p;
  return candidate(closest_on_triangle(origin, a, b, c).squared_distance, slot);
}

// Returns the slot of the face closest to p, which all lanes hold; the first of equal ones. Every lane takes part and
// gets the answer. Requires a surface. Lanes past a cluster's end repeat its last face, so every slot is a face.
template <typename Offset>
__device__ __forceinline__ std::int32_t closest_slot(const PosedMesh<Offset>& mesh, const Vec3<float>& p) {
  const std::int32_t clusters = mesh.surface_cluster_count;
  const int lane = lane_index(), half_lane = lane % kHalfWarp;
  // Each half warp looks at the nearest of its own clusters first; a half without any joins in at the last one.
  unsigned long long seed = candidate(kHighest, clusters - 1);
  for (std::int32_t cluster = lane; cluster < clusters; cluster += kWarp) {
    const unsigned long long key = candidate(squared_distance_to_box(mesh.boxes[cluster], p), cluster);
    seed = key < seed ? key : seed;
  }
  const std::int32_t first_cluster = which_of(lowest_over_half(seed));
  const std::int32_t other_first = __shfl_xor_sync(kAllLanes, first_cluster, kHalfWarp);
  unsigned long long best = lowest_over_warp(face_candidate(mesh, first_cluster * kClusterSize + half_lane, p));
  for (std::int32_t first = 0; first < clusters; first += kWarp) {
    const std::int32_t own = first + lane;
    const bool is_open = own < clusters && own != first_cluster && own != other_first;
    // Bounds are rounded: a cluster that may hold a face as near as the best is looked at.
    const float bound = is_open ? squared_distance_to_box(mesh.boxes[own], p) * (1 - 4 * kEpsilon) : kHighest;
    unsigned open = __ballot_sync(kAllLanes, is_open);
    while (true) {
      unsigned near = open & __ballot_sync(kAllLanes, bound <= squared_of(best));
      if (near == 0) break;
      const int2 two = take_two(near);
      open &= ~(1u << two.x);
      if (two.y >= 0) open &= ~(1u << two.y);
      const std::int32_t cluster = first + (lane < kHalfWarp || two.y < 0 ? two.x : two.y);
      const unsigned long long key = face_candidate(mesh, cluster * kClusterSize + half_lane, p);
      best = lowest_over_warp(key < best ? key : best);
    }
  }
  return which_of(best);
}

__device__ __forceinline__ Vec3<double> exact(const Vec3<float>& v) { return {v.x, v.y, v.z}; }

// Returns the point of a face that is closest to p, in double.
__device__ __forceinline__ TrianglePoint<double> closest_on_face(const Face& face, const Vec3<float>& p) {
  return closest_on_triangle(exact(p), exact(face.corners[0]), exact(face.corners[1]), exact(face.corners[2]));
}

}  // namespace a2p::cuda
