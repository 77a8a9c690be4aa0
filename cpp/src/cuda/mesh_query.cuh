// Queries of one warp against one posed mesh: is a point inside, and where is the closest surface point.
// Compiled with -fmad=false: the crossing test relies on products that are rounded by themselves.
#pragma once
#include <cuda_runtime.h>

#include <cstdint>

#include "a2p/closest_point.h"
#include "a2p/crossing.h"
#include "a2p/topology_view.h"
#include "a2p/vec3.h"

namespace a2p::cuda {

inline constexpr int kWarp = 32;
inline constexpr unsigned kAllLanes = 0xffffffffu;
inline constexpr float kEpsilon = 1.1920929e-07f;
inline constexpr float kInfinity = 3.402823466e+38f;

struct Box {
  float lowest[3];
  float highest[3];
};

// One pose of a topology: its vertices, its clusters' boxes, and the box of all.
struct PosedMesh {
  TopologyView topology;
  const float* __restrict__ vertices;  // (v, 3)
  const Box* __restrict__ boxes;       // (cluster)
  Box box;
};

// Where the closest surface point lies. Without a surface the slot is -1.
struct Closest {
  std::int32_t slot;  // kClusterSize times the cluster plus the lane
  TrianglePoint<double> point;
};

__device__ __forceinline__ Vec3<float> vertex_at(const float* vertices, std::int32_t offset) {
  return {vertices[offset], vertices[offset + 1], vertices[offset + 2]};
}

__device__ __forceinline__ bool is_strictly_inside(const Box& box, const Vec3<float>& p) {
  return p.x > box.lowest[0] && p.x < box.highest[0] && p.y > box.lowest[1] && p.y < box.highest[1] &&
         p.z > box.lowest[2] && p.z < box.highest[2];
}

// Loads a face's corners and the offsets that stand for the vertices' indices.
__device__ __forceinline__ void load_face(const PosedMesh& mesh, std::int32_t slot, Vec3<float> (&corners)[3],
                                          int (&offsets)[3]) {
  const std::int32_t cluster = slot / kClusterSize, lane = slot % kClusterSize;
  const std::int32_t* from = mesh.topology.corners + cluster * 3 * kClusterSize + lane;
#pragma unroll
  for (int corner = 0; corner < 3; ++corner) {
    offsets[corner] = from[corner * kClusterSize];
    corners[corner] = vertex_at(mesh.vertices, offsets[corner]);
  }
}

// Returns the face's part of the winding number for a ray from p up or down. Where rounding could decide a sign it is
// decided exactly, so that neighbours agree about their common edge.
__device__ __forceinline__ int crossing_of_face(const PosedMesh& mesh, std::int32_t slot, const Box& box,
                                                const Vec3<float>& p, bool is_up) {
  Vec3<float> corners[3];
  int offsets[3];
  load_face(mesh, slot, corners, offsets);
  const float dx = box.highest[0] - box.lowest[0], dy = box.highest[1] - box.lowest[1],
              dz = box.highest[2] - box.lowest[2];
  const float edge_tolerance = 6 * kEpsilon * dx * dy, height_tolerance = 32 * kEpsilon * dx * dy * dz;
  const float x0 = corners[0].x - p.x, y0 = corners[0].y - p.y, x1 = corners[1].x - p.x, y1 = corners[1].y - p.y,
              x2 = corners[2].x - p.x, y2 = corners[2].y - p.y;
  const float e0 = x0 * y1 - y0 * x1, e1 = x1 * y2 - y1 * x2, e2 = x2 * y0 - y2 * x0;
  Crossing crossing;
  const bool is_edge_near = fminf(fminf(fabsf(e0), fabsf(e1)), fabsf(e2)) <= edge_tolerance;
  const bool is_leaving = fminf(fminf(e0, e1), e2) > 0, is_entering = fmaxf(fmaxf(e0, e1), e2) < 0;
  if (!is_edge_near && !is_leaving && !is_entering) return 0;
  const float height = e1 * (corners[0].z - p.z) + e2 * (corners[1].z - p.z) + e0 * (corners[2].z - p.z);
  if (is_edge_near || fabsf(height) <= height_tolerance) {
    crossing = cross_face(p, corners, offsets);
  } else {
    crossing = {is_leaving ? 1 : -1, is_leaving == (height > 0)};
  }
  if (crossing.direction == 0 || crossing.is_above != is_up) return 0;
  return is_up ? crossing.direction : -crossing.direction;
}

__device__ __forceinline__ int sum_over_warp(int value) {
#pragma unroll
  for (int step = kWarp / 2; step > 0; step /= 2) value += __shfl_xor_sync(kAllLanes, value, step);
  return value;
}

__device__ __forceinline__ unsigned long long lowest_over_warp(unsigned long long key) {
#pragma unroll
  for (int step = kWarp / 2; step > 0; step /= 2) {
    const unsigned long long other = __shfl_xor_sync(kAllLanes, key, step);
    key = other < key ? other : key;
  }
  return key;
}

// Returns the winding number of the mesh about p, which all lanes hold. Every lane takes part.
__device__ inline int winding_number(const PosedMesh& mesh, const Vec3<float>& p) {
  if (!is_strictly_inside(mesh.box, p)) return 0;
  const int lane = threadIdx.x % kWarp;
  const bool is_up = p.z - mesh.box.lowest[2] > mesh.box.highest[2] - p.z;
  int count = 0;
  for (std::int32_t first = 0; first < mesh.topology.cluster_count; first += kWarp) {
    bool is_hit = false;
    if (first + lane < mesh.topology.cluster_count) {
      const Box& box = mesh.boxes[first + lane];
      is_hit = p.x >= box.lowest[0] && p.x <= box.highest[0] && p.y >= box.lowest[1] && p.y <= box.highest[1] &&
               (is_up ? p.z <= box.highest[2] : p.z >= box.lowest[2]);
    }
    unsigned hits = __ballot_sync(kAllLanes, is_hit);
    // Two clusters at a time, one a half warp.
    while (hits != 0) {
      const int here = __ffs(hits) - 1;
      hits &= hits - 1;
      const int next = hits != 0 ? __ffs(hits) - 1 : -1;
      hits &= hits - 1;
      const int mine = lane < kClusterSize ? here : next;
      if (mine < 0) continue;
      const std::int32_t cluster = first + mine;
      if ((mesh.topology.lanes[cluster] >> (lane % kClusterSize) & 1) == 0) continue;
      count += crossing_of_face(mesh, cluster * kClusterSize + lane % kClusterSize, mesh.boxes[cluster], p, is_up);
    }
    __syncwarp();
  }
  return sum_over_warp(count);
}

__device__ __forceinline__ float squared_distance_to_box(const Box& box, const Vec3<float>& p) {
  const float dx = fmaxf(fmaxf(box.lowest[0] - p.x, p.x - box.highest[0]), 0.0f);
  const float dy = fmaxf(fmaxf(box.lowest[1] - p.y, p.y - box.highest[1]), 0.0f);
  const float dz = fmaxf(fmaxf(box.lowest[2] - p.z, p.z - box.highest[2]), 0.0f);
  return dx * dx + dy * dy + dz * dz;
}

// Orders candidates by distance, then by slot.
__device__ __forceinline__ unsigned long long candidate(float squared, std::int32_t slot) {
  return static_cast<unsigned long long>(__float_as_uint(squared)) << 32 | static_cast<unsigned>(slot);
}

__device__ __forceinline__ float squared_of(unsigned long long key) {
  return __uint_as_float(static_cast<unsigned>(key >> 32));
}

__device__ __forceinline__ unsigned long long face_candidate(const PosedMesh& mesh, std::int32_t slot,
                                                             const Vec3<float>& p) {
  Vec3<float> corners[3];
  int offsets[3];
  load_face(mesh, slot, corners, offsets);
  const Vec3<float> origin{0, 0, 0};
  return candidate(closest_on_triangle(origin, corners[0] - p, corners[1] - p, corners[2] - p).squared_distance, slot);
}

// Returns the surface point closest to p, which all lanes hold. Every lane takes part and gets the answer.
__device__ inline Closest closest_on_mesh(const PosedMesh& mesh, const Vec3<float>& p) {
  const std::int32_t clusters = mesh.topology.surface_cluster_count;
  if (clusters == 0) return {-1, {}};
  const int lane = threadIdx.x % kWarp;
  unsigned long long seed = ~0ull;
  for (std::int32_t cluster = lane; cluster < clusters; cluster += kWarp) {
    const unsigned long long key = candidate(squared_distance_to_box(mesh.boxes[cluster], p), cluster);
    seed = key < seed ? key : seed;
  }
  const std::int32_t first_cluster = static_cast<std::int32_t>(lowest_over_warp(seed) & 0xffffffffu);
  // Lanes past a cluster's end repeat its last face, so every slot is a face.
  unsigned long long best =
      lowest_over_warp(face_candidate(mesh, first_cluster * kClusterSize + lane % kClusterSize, p));
  for (std::int32_t first = 0; first < clusters; first += kWarp) {
    // Bounds are rounded; a cluster that may hold a face as near as the best is looked at.
    const bool is_near = first + lane < clusters && first + lane != first_cluster &&
                         squared_distance_to_box(mesh.boxes[first + lane], p) * (1 - 4 * kEpsilon) <= squared_of(best);
    unsigned hits = __ballot_sync(kAllLanes, is_near);
    while (hits != 0) {
      const int here = __ffs(hits) - 1;
      hits &= hits - 1;
      const int next = hits != 0 ? __ffs(hits) - 1 : here;
      hits &= hits - 1;
      const std::int32_t cluster = first + (lane < kClusterSize ? here : next);
      const unsigned long long key = face_candidate(mesh, cluster * kClusterSize + lane % kClusterSize, p);
      best = key < best ? key : best;
    }
    best = lowest_over_warp(best);
  }
  const std::int32_t slot = static_cast<std::int32_t>(best & 0xffffffffu);
  Vec3<float> corners[3];
  int offsets[3];
  load_face(mesh, slot, corners, offsets);
  const auto exact = [](const Vec3<float>& v) { return Vec3<double>{v.x, v.y, v.z}; };
  return {slot, closest_on_triangle(exact(p), exact(corners[0]), exact(corners[1]), exact(corners[2]))};
}

}  // namespace a2p::cuda
