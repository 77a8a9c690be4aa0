// Poses of one topology: their bounds, and how a block of threads brings one of them close.
#pragma once
#include "cuda/carver.cuh"
#include "cuda/dynamic_shared.cuh"
#include "cuda/launch.cuh"
#include "cuda/mesh_query.cuh"
#include "cuda/most_at_once.cuh"

namespace a2p::cuda {

inline constexpr unsigned kThreads = 256;
inline constexpr int kWarps = kThreads / kWarp;

// A batch of poses in device memory.
struct PosedBatch {
  TopologyView topology;
  const float* vertices;  // (count, v, 3)
  Box* boxes;             // (count, cluster)
  Box* mesh_boxes;        // (count)
};

// Takes the space for the bounds of `count` poses.
inline PosedBatch carve_batch(Carver& carver, const TopologyView& topology, std::int64_t count, const float* vertices) {
  Box* const boxes = carver.take<Box>(count * topology.cluster_count);
  return {topology, vertices, boxes, carver.take<Box>(count)};
}

// Fits the bounds of two batches (blockIdx.y) to their vertices. One block a pose, half a warp a cluster.
static __global__ void refit(PosedBatch first, PosedBatch second) {
  const PosedBatch batch = blockIdx.y == 0 ? first : second;
  const TopologyView& topology = batch.topology;
  const std::int64_t pose = blockIdx.x;
  const float* vertices = batch.vertices + pose * topology.vertex_count * 3;
  const int half_lane = lane_index() % kHalfWarp, half = static_cast<int>(threadIdx.x) / kHalfWarp;
  constexpr int kHalves = kThreads / kHalfWarp;
  float all[6] = {kHighest, kHighest, kHighest, -kHighest, -kHighest, -kHighest};
  for (std::int32_t cluster = half; cluster < topology.cluster_count; cluster += kHalves) {
    const std::int32_t* offsets = topology.corners + cluster * 3 * kClusterSize + half_lane;
    float bounds[6] = {kHighest, kHighest, kHighest, -kHighest, -kHighest, -kHighest};
    for (int corner = 0; corner < 3; ++corner) {
      const float* vertex = vertices + offsets[corner * kClusterSize];
      for (int axis = 0; axis < 3; ++axis) {
        bounds[axis] = fminf(bounds[axis], vertex[axis]);
        bounds[3 + axis] = fmaxf(bounds[3 + axis], vertex[axis]);
      }
    }
    for (int axis = 0; axis < 3; ++axis) {
      bounds[axis] = lowest_over_half(bounds[axis]);
      bounds[3 + axis] = highest_over_half(bounds[3 + axis]);
      all[axis] = fminf(all[axis], bounds[axis]);
      all[3 + axis] = fmaxf(all[3 + axis], bounds[3 + axis]);
    }
    if (half_lane == 0) {
      const float dx = bounds[3] - bounds[0], dy = bounds[4] - bounds[1], dz = bounds[5] - bounds[2];
      batch.boxes[pose * topology.cluster_count + cluster] = {
          {bounds[0], bounds[1], bounds[2], 6 * kEpsilon * dx * dy},
          {bounds[3], bounds[4], bounds[5], 32 * kEpsilon * dx * dy * dz}};
    }
  }
  float (*halves)[6] = reinterpret_cast<float (*)[6]>(dynamic_shared());  // (kHalves, 6)
  if (half_lane == 0) {
    for (int i = 0; i < 6; ++i) halves[half][i] = all[i];
  }
  __syncthreads();
  if (threadIdx.x != 0) return;
  for (int other = 1; other < kHalves; ++other) {
    for (int axis = 0; axis < 3; ++axis) {
      all[axis] = fminf(all[axis], halves[other][axis]);
      all[3 + axis] = fmaxf(all[3 + axis], halves[other][3 + axis]);
    }
  }
  batch.mesh_boxes[pose] = {{all[0], all[1], all[2], 0}, {all[3], all[4], all[5], 0}};
}

inline Status refit_batches(const PosedBatch& first, const PosedBatch& second, std::int64_t count, unsigned batches,
                            cudaStream_t stream) noexcept {
  constexpr std::size_t kShared = sizeof(float) * 6 * kThreads / kHalfWarp;
  return launch("kernel refit", {dim3(static_cast<unsigned>(count), batches), kThreads, stream, kShared}, refit, first,
                second);
}

// Offsets fit 16 bits in what a block keeps of a pose.
inline constexpr std::int32_t kMostCloseVertices = 65535 / 3;

// The shared memory of `posed<std::uint16_t>`; with a start, its arrays.
struct ClosePose {
  __host__ __device__ ClosePose(Carver& carver, const TopologyView& topology)
      : boxes(carver.take<Box>(topology.cluster_count)),
        vertices(carver.take<float>(std::int64_t{3} * topology.vertex_count)),
        corners(carver.take<std::uint16_t>(std::int64_t{3} * kClusterSize * topology.cluster_count)),
        lanes(carver.take<std::uint16_t>(topology.cluster_count)) {}

  Box* boxes;
  float* vertices;
  std::uint16_t* corners;
  std::uint16_t* lanes;
};

// Returns a pose of the batch: with 32-bit offsets where it lies, with 16-bit offsets from the block's shared memory,
// which it fills; a __syncthreads must follow. Every thread takes part.
template <typename Offset>
__device__ PosedMesh<Offset> posed(const PosedBatch& batch, std::int64_t pose, Carver& shared);

template <>
__device__ __forceinline__ PosedMesh<std::int32_t> posed(const PosedBatch& batch, std::int64_t pose, Carver&) {
  const TopologyView& topology = batch.topology;
  return {topology.cluster_count,
          topology.surface_cluster_count,
          batch.vertices + pose * topology.vertex_count * 3,
          batch.boxes + pose * topology.cluster_count,
          topology.corners,
          topology.lanes,
          batch.mesh_boxes[pose]};
}

template <>
__device__ __forceinline__ PosedMesh<std::uint16_t> posed(const PosedBatch& batch, std::int64_t pose, Carver& shared) {
  const TopologyView& topology = batch.topology;
  const ClosePose close(shared, topology);
  const float* vertices = batch.vertices + pose * topology.vertex_count * 3;
  const Box* boxes = batch.boxes + pose * topology.cluster_count;
  const auto thread = static_cast<std::int32_t>(threadIdx.x);
  constexpr std::int32_t kStep = kThreads;
  for (std::int32_t i = thread; i < 3 * topology.vertex_count; i += kStep) close.vertices[i] = vertices[i];
  for (std::int32_t i = thread; i < topology.cluster_count; i += kStep) {
    close.boxes[i] = boxes[i];
    close.lanes[i] = topology.lanes[i];
  }
  for (std::int32_t i = thread; i < topology.cluster_count * 3 * kClusterSize; i += kStep) {
    close.corners[i] = static_cast<std::uint16_t>(topology.corners[i]);
  }
  return {
      topology.cluster_count, topology.surface_cluster_count, close.vertices, close.boxes, close.corners, close.lanes,
      batch.mesh_boxes[pose]};
}

// What the current device offers a kernel.
struct DeviceLimits {
  std::size_t shared_bytes = 48 * 1024;  // of a block
  std::int64_t blocks_at_once = 1;       // of two to a multiprocessor
};

inline Status read_limits(DeviceLimits& limits) noexcept {
  int device = 0, shared_bytes = 0, multiprocessors = 0;
  cudaError_t error = cudaGetDevice(&device);
  if (error == cudaSuccess) {
    error = cudaDeviceGetAttribute(&shared_bytes, cudaDevAttrMaxSharedMemoryPerBlockOptin, device);
  }
  if (error == cudaSuccess) error = cudaDeviceGetAttribute(&multiprocessors, cudaDevAttrMultiProcessorCount, device);
  limits = {static_cast<std::size_t>(shared_bytes), std::int64_t{2} * multiprocessors};
  return status_of(error, "cudaDeviceGetAttribute");
}

}  // namespace a2p::cuda
