// What kernels read of a prepared topology: pointers alone.
#pragma once
#include <cstdint>

namespace a2p {

// Triangles of a cluster: as many as the widest vector has lanes.
inline constexpr std::int32_t kClusterSize = 16;

// What kernels read of a topology. Faces are grouped in clusters of neighbours; the clusters of cap faces come last.
// Lanes past a cluster's end repeat its last face.
struct TopologyView {
  std::int32_t vertex_count = 0;
  std::int32_t face_count = 0;
  std::int32_t cluster_count = 0;
  std::int32_t surface_cluster_count = 0;      // without the clusters of cap faces
  const std::int32_t* corners = nullptr;       // (cluster, 3, lane) where the corner starts in (v, 3) vertices
  const std::int32_t* faces = nullptr;         // (cluster, lane) face in the caller's order
  const std::uint16_t* lanes = nullptr;        // (cluster) one bit a lane that holds a face of its own
  const std::int32_t* vertex_order = nullptr;  // (vertex) neighbours near each other
};

}  // namespace a2p
