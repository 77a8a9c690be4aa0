// Brings a posed mesh's clusters up to date with its vertices. Kernel sources only.
#pragma once
#include "cpu/lanes.h"
#include "cpu/posed_mesh.h"

namespace a2p::A2P_ISA_NAMESPACE {

inline constexpr float kEpsilon = 0x1p-23f;

// Writes the bounding box of `count` points; without points it is empty, at the origin.
inline void bound(const float* points, std::int32_t count, float (&lowest)[3], float (&highest)[3]) {
  const auto widen = [&](int axis, float low, float high) {
    lowest[axis] = low < lowest[axis] ? low : lowest[axis];
    highest[axis] = high > highest[axis] ? high : highest[axis];
  };
  for (int axis = 0; axis < 3; ++axis) lowest[axis] = highest[axis] = count > 0 ? points[axis] : 0;
  constexpr int kStep = 3 * Lanes::kWidth;  // floats; coordinate i of three vectors is of axis i % 3
  const std::int32_t size = 3 * count;
  std::int32_t i = 0;
  if (size >= kStep) {
    Lanes low[3], high[3];
    for (int k = 0; k < 3; ++k) low[k] = high[k] = Lanes::load_unaligned(points + k * Lanes::kWidth);
    for (i = kStep; i + kStep <= size; i += kStep) {
      for (int k = 0; k < 3; ++k) {
        const Lanes x = Lanes::load_unaligned(points + i + k * Lanes::kWidth);
        low[k] = min(low[k], x);
        high[k] = max(high[k], x);
      }
    }
    alignas(64) float lows[kStep], highs[kStep];
    for (int k = 0; k < 3; ++k) {
      low[k].store(lows + k * Lanes::kWidth);
      high[k].store(highs + k * Lanes::kWidth);
    }
    for (int k = 0; k < kStep; ++k) widen(k % 3, lows[k], highs[k]);
  }
  for (; i < size; ++i) widen(i % 3, points[i], points[i]);
}

// Returns the slab of a coordinate. It never decreases with x, which makes sets of slabs conservative.
inline std::int32_t slab_of(const PosedMesh& mesh, int axis, float x) {
  const float slab = (x - mesh.lowest[axis]) * mesh.slabs_per_metre[axis];
  return slab > 0 ? (slab < kSlabs - 1 ? static_cast<std::int32_t>(slab) : kSlabs - 1) : 0;
}

// Chunks of a cluster: as many faces as a vector has lanes.
inline constexpr std::int32_t kChunks = kClusterSize / Lanes::kWidth;

// Copies a cluster's corners and bounds its chunks, then all of it. Lanes of a chunk without a face of its own repeat
// the cluster's last one.
inline void gather_cluster(const PosedMesh& mesh, std::int32_t cluster) {
  const std::int32_t* offsets = mesh.topology.corners + cluster * 3 * kClusterSize;
  float* rows = mesh.corners + cluster * 9 * kClusterSize;
  ClusterBox& box = mesh.boxes[cluster];
  for (std::int32_t part = 0; part < kChunks; ++part) {
    const int lane = part * Lanes::kWidth;
    Lanes low[3], high[3];
    for (int corner = 0; corner < 3; ++corner) {
      Lanes place[3];
      gather_triples(mesh.vertices, offsets + corner * kClusterSize + lane, place[0], place[1], place[2]);
      for (int axis = 0; axis < 3; ++axis) {
        place[axis].store(rows + (3 * corner + axis) * kClusterSize + lane);
        low[axis] = corner == 0 ? place[axis] : min(place[axis], low[axis]);
        high[axis] = corner == 0 ? place[axis] : max(place[axis], high[axis]);
      }
    }
    const std::int32_t chunk = cluster * kChunks + part;
    float* chunk_box = mesh.chunk_boxes + chunk / Lanes::kWidth * 6 * Lanes::kWidth + chunk % Lanes::kWidth;
    float least[3], most[3];
    lowest_of_each(low, least);
    highest_of_each(high, most);
    for (int axis = 0; axis < 3; ++axis) {
      chunk_box[axis * Lanes::kWidth] = least[axis];
      chunk_box[(3 + axis) * Lanes::kWidth] = most[axis];
      box.lowest[axis] = part == 0 || least[axis] < box.lowest[axis] ? least[axis] : box.lowest[axis];
      box.highest[axis] = part == 0 || most[axis] > box.highest[axis] ? most[axis] : box.highest[axis];
    }
  }
}

// Bounds each block of Lanes::kWidth chunks. Only surface is looked for by distance: boxes of caps, and those past the
// end, are emptied.
inline void bound_blocks(PosedMesh& mesh) {
  const float empty[2] = {__builtin_inff(), -__builtin_inff()};
  const std::int32_t chunk_count = mesh.topology.surface_cluster_count * kChunks,
                     block_count = (chunk_count + Lanes::kWidth - 1) / Lanes::kWidth;
  mesh.block_row_count = (block_count + Lanes::kWidth - 1) / Lanes::kWidth;
  for (std::int32_t chunk = chunk_count; chunk < block_count * Lanes::kWidth; ++chunk) {
    float* chunk_box = mesh.chunk_boxes + chunk / Lanes::kWidth * 6 * Lanes::kWidth + chunk % Lanes::kWidth;
    for (int side = 0; side < 6; ++side) chunk_box[side * Lanes::kWidth] = empty[side / 3];
  }
  for (std::int32_t block = 0; block < mesh.block_row_count * Lanes::kWidth; ++block) {
    float* block_box = mesh.block_boxes + block / Lanes::kWidth * 6 * Lanes::kWidth + block % Lanes::kWidth;
    for (int side = 0; side < 6; ++side) {
      const float* sides = mesh.chunk_boxes + (block * 6 + side) * Lanes::kWidth;
      const bool is_past = block >= block_count;
      block_box[side * Lanes::kWidth] = is_past    ? empty[side / 3]
                                        : side < 3 ? lowest(Lanes::load(sides))
                                                   : highest(Lanes::load(sides));
    }
  }
}

// Bounds on the rounding errors of crossing.h's functions in float, for a point in the box's column: 4 roundings a
// factor pair in an edge, 7 a term in a height, with room.
inline void set_tolerances(ClusterBox& box) {
  const float dx = box.highest[0] - box.lowest[0], dy = box.highest[1] - box.lowest[1],
              dz = box.highest[2] - box.lowest[2];
  box.edge_tolerance = 6 * kEpsilon * dx * dy;
  box.height_tolerance = 32 * kEpsilon * dx * dy * dz;
}

inline void index_slabs(PosedMesh& mesh) {
  const std::int32_t words = mesh.word_count, table = kSlabs * words;
  for (std::int32_t i = 0; i < 3 * table; ++i) mesh.starts[i] = mesh.ends[i] = 0;
  for (int axis = 0; axis < 3; ++axis) {
    std::uint64_t *starts = mesh.starts + axis * table, *ends = mesh.ends + axis * table;
    for (std::int32_t cluster = 0; cluster < mesh.topology.cluster_count; ++cluster) {
      const std::uint64_t bit = std::uint64_t{1} << (cluster % 64);
      const ClusterBox& box = mesh.boxes[cluster];
      starts[slab_of(mesh, axis, box.lowest[axis]) * words + cluster / 64] |= bit;
      ends[slab_of(mesh, axis, box.highest[axis]) * words + cluster / 64] |= bit;
    }
    for (std::int32_t i = words; i < table; ++i) starts[i] |= starts[i - words];
    for (std::int32_t i = table - words - 1; i >= 0; --i) ends[i] |= ends[i + words];
  }
}

// Requires `lowest` and `highest` to bound the vertices.
inline void refit(PosedMesh& mesh) {
  for (int axis = 0; axis < 3; ++axis) {
    const float extent = mesh.highest[axis] - mesh.lowest[axis];
    mesh.slabs_per_metre[axis] = extent > 0 ? kSlabs / extent : 0;
  }
  for (std::int32_t cluster = 0; cluster < mesh.topology.cluster_count; ++cluster) {
    gather_cluster(mesh, cluster);
    set_tolerances(mesh.boxes[cluster]);
    mesh.has_frame[cluster] = 0;
  }
  bound_blocks(mesh);
  index_slabs(mesh);
}

}  // namespace a2p::A2P_ISA_NAMESPACE
