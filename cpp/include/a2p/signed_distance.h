// How far points are from closed meshes, and on which side.
#pragma once
#include <cstdint>

#include "a2p/mesh_scratch.h"
#include "a2p/topology.h"

namespace a2p {

// Points against poses of one topology: pose m answers points m * points_per_pose and following.
struct DistanceQuery {
  std::int64_t pose_count = 0;
  std::int64_t points_per_pose = 0;
  const float* points = nullptr;    // (pose, point, 3)
  const float* vertices = nullptr;  // (pose, v, 3)
};

struct DistanceOutput {
  float* distance = nullptr;     // (pose, point) m, negative inside; infinite for a mesh of caps alone
  std::int32_t* face = nullptr;  // (pose, point) of the closest surface point; -1 for a mesh of caps alone
  float* weights = nullptr;      // (pose, point, 3) barycentric weights in that face
};

// Answers every query on at most `threads` threads (0: the default). Inside means a winding number above zero.
// Equal distances go to one of the faces. Requires finite input, and a pool of scratch for this topology. The same
// bits for any number of threads.
void signed_distance(const Topology& topology, const DistanceQuery& query, std::int32_t threads, MeshScratchPool& pool,
                     const DistanceOutput& output);

}  // namespace a2p
