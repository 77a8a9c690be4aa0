// One pose of a topology, as the CPU kernels query it. Plain memory: kernels include it.
#pragma once
#include <cstdint>

#include "a2p/depth_loss.h"
#include "a2p/topology_view.h"

namespace a2p {

// A cluster's bounding box, and below which values its edge and height functions may have the wrong sign.
struct ClusterBox {
  float lowest[3];
  float edge_tolerance;
  float highest[3];
  float height_tolerance;
};

// The mesh's bounding box is cut into this many slabs along each axis.
inline constexpr std::int32_t kSlabs = 64;

// Rows of a cluster's frames; see cpu/nearest.h.
inline constexpr std::int32_t kFrameRows = 15;

// Points whose signed distances are asked for at once, at most.
inline constexpr std::int32_t kSortedPoints = 1024;

// Sets of clusters are bits in `word_count` words. A box overlaps an interval of an axis if it starts in or before
// the slab of the interval's end, and ends in or after the slab of its start.
struct PosedMesh {
  TopologyView topology;
  const float* vertices = nullptr;  // (v, 3)
  float* corners = nullptr;         // (cluster, corner and axis, lane)
  float* frames = nullptr;          // (cluster, kFrameRows, lane), made when a cluster is first visited
  std::uint8_t* has_frame = nullptr;
  ClusterBox* boxes = nullptr;
  float* chunk_boxes = nullptr;      // (block, side, lane): lowest x, y, z, then highest, of the faces of one vector
  float* block_boxes = nullptr;      // (row, side, lane): the same of the chunks of one vector
  std::int32_t block_row_count = 0;  // of blocks with surface
  std::int32_t word_count = 0;
  std::uint64_t* starts = nullptr;   // (axis, slab, word) clusters whose box starts in this slab or before
  std::uint64_t* ends = nullptr;     // (axis, slab, word) clusters whose box ends in this slab or after
  std::uint64_t* surface = nullptr;  // (word) clusters that are no cap
  double* scatter = nullptr;         // (v, 3) gradient that queries leave on this mesh's vertices
  float lowest[3]{}, highest[3]{}, slabs_per_metre[3]{};
};

// What a query of many points against one mesh writes; a null pointer leaves that part out.
struct QueryOutput {
  float* distance = nullptr;     // (p) m
  std::int32_t* face = nullptr;  // (p) caller's index, -1 where there is none
  float* weights = nullptr;      // (p, 3) barycentric
  float* gradient = nullptr;     // (p, 3) of the loss with respect to the points
};

}  // namespace a2p
