#include <cuda_runtime.h>

#include "a2p/cuda/penetration.h"
#include "cuda/posed_batch.cuh"

namespace a2p::cuda {
namespace {

// Points that a block looks at between two waits.
constexpr std::int32_t kTile = 64;

// Writes one point's distance and closest surface point.
__device__ void measure(const LocateArrays& arrays, std::int64_t at, const PosedMesh<std::int32_t>& mesh,
                        const std::int32_t* faces, std::int32_t slot, bool is_inside) {
  const Vec3<float> p = vertex_at(arrays.points + 3 * at, 0);
  const TrianglePoint<double> closest = closest_on_face(load_face(mesh, slot), p);
  const auto distance = static_cast<float>(sqrt(closest.squared_distance));
  arrays.distance[at] = is_inside ? -distance : distance;
  arrays.face[at] = faces[slot];
  arrays.weights[3 * at] = static_cast<float>(closest.weights.x);
  arrays.weights[3 * at + 1] = static_cast<float>(closest.weights.y);
  arrays.weights[3 * at + 2] = static_cast<float>(closest.weights.z);
}

// Finds every point's closest surface point and side: a warp takes a point at a time, then a thread a point. Grid: x
// over tiles of points, y over the batch.
__global__ void __launch_bounds__(kThreads)
    locate_points(PosedBatch batch, std::int64_t point_count, LocateArrays arrays) {
  const std::int64_t index = blockIdx.y;
  Carver shared(dynamic_shared());
  auto* slots = shared.take<std::int32_t>(kTile);
  auto* is_inside = shared.take<std::int32_t>(kTile);
  const PosedMesh<std::int32_t> mesh = posed<std::int32_t>(batch, index, shared);
  for (std::int64_t first = std::int64_t{blockIdx.x} * kTile; first < point_count;
       first += std::int64_t{gridDim.x} * kTile) {
    const auto count = static_cast<std::int32_t>(min(std::int64_t{kTile}, point_count - first));
    for (std::int32_t i = static_cast<std::int32_t>(threadIdx.x) / kWarp; i < count; i += kWarps) {
      const Vec3<float> p = vertex_at(arrays.points + 3 * (index * point_count + first + i), 0);
      const bool inside = is_strictly_inside(mesh.box, p) && winding_number(mesh, p) > 0;
      const std::int32_t slot = closest_slot(mesh, p);
      if (lane_index() == 0) {
        slots[i] = slot;
        is_inside[i] = inside ? 1 : 0;
      }
    }
    __syncthreads();
    for (std::int32_t i = static_cast<std::int32_t>(threadIdx.x); i < count; i += static_cast<std::int32_t>(kThreads)) {
      measure(arrays, index * point_count + first + i, mesh, batch.topology.faces, slots[i], is_inside[i] != 0);
    }
    __syncthreads();
  }
}

// Says of every point that there is no surface. Grid: x over points.
__global__ void locate_nothing(std::int64_t point_count, LocateArrays arrays) {
  const std::int64_t step = std::int64_t{gridDim.x} * kThreads;
  for (std::int64_t at = std::int64_t{blockIdx.x} * kThreads + threadIdx.x; at < point_count; at += step) {
    arrays.distance[at] = INFINITY;
    arrays.face[at] = -1;
    for (int k = 0; k < 3; ++k) arrays.weights[3 * at + k] = 0;
  }
}

unsigned blocks_for(std::int64_t items, std::int64_t per_block) {
  constexpr std::int64_t kMostBlocks = 1 << 20;
  const std::int64_t blocks = (items + per_block - 1) / per_block;
  return static_cast<unsigned>(blocks < kMostBlocks ? blocks : kMostBlocks);
}

}  // namespace

std::size_t locate_workspace_bytes(const TopologyView& mesh, std::int64_t count) noexcept {
  Carver carver(nullptr);
  carve_batch(carver, mesh, count < kMostAtOnce ? count : kMostAtOnce, nullptr);
  return carver.bytes();
}

Status locate(const TopologyView& mesh, std::int64_t count, std::int64_t point_count, const LocateArrays& arrays,
              void* workspace, Stream stream) noexcept {
  const auto queue = static_cast<cudaStream_t>(stream);
  if (count == 0 || point_count == 0) return {};
  if (mesh.surface_cluster_count == 0) {
    return launch("kernel locate_nothing", {dim3(blocks_for(count * point_count, kThreads)), kThreads, queue},
                  locate_nothing, count * point_count, arrays);
  }
  constexpr std::size_t kShared = 2 * sizeof(std::int32_t) * kTile;
  for (std::int64_t first = 0; first < count; first += kMostAtOnce) {
    const std::int64_t some = count - first < kMostAtOnce ? count - first : kMostAtOnce;
    const std::int64_t at = first * point_count;
    Carver carver(workspace);
    const PosedBatch batch = carve_batch(carver, mesh, some, arrays.vertices + first * mesh.vertex_count * 3);
    const LocateArrays part{arrays.points + 3 * at, nullptr, arrays.distance + at, arrays.face + at,
                            arrays.weights + 3 * at};
    Status status = refit_batches(batch, batch, some, 1, queue);
    if (!status.ok()) return status;
    status = launch("kernel locate_points",
                    {dim3(blocks_for(point_count, kTile), static_cast<unsigned>(some)), kThreads, queue, kShared},
                    locate_points, batch, point_count, part);
    if (!status.ok()) return status;
  }
  return {};
}

}  // namespace a2p::cuda
