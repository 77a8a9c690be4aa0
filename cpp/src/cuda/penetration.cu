#include <cuda_runtime.h>

#include "a2p/cuda/penetration.h"
#include "a2p/depth_loss.h"
#include "cuda/mesh_query.cuh"

namespace a2p::cuda {
namespace {

constexpr int kThreads = 256;
constexpr int kWarps = kThreads / kWarp;
// A vertex's gradient is summed in units of this share of the steepest possible slope, so that the order of the sum
// cannot matter; 2^18 vertices may meet in one corner before it overflows.
constexpr double kFixedPointSteps = 17592186044416.0;  // 2^44

Status status_of(const char* where) noexcept {
  const cudaError_t error = cudaGetLastError();
  return error == cudaSuccess ? Status{} : Status{where, cudaGetErrorString(error)};
}

constexpr std::size_t aligned(std::size_t bytes) { return (bytes + 15) / 16 * 16; }

// The largest |phi'(d)| for depths up to `extent`.
__device__ double steepest_slope(const DepthLoss& loss, double extent) {
  if (loss.kind == DepthLossKind::kSquared) return extent;
  if (loss.kind == DepthLossKind::kHuber) return loss.scale < extent ? loss.scale : extent;
  return 0.6495190528383290 / loss.scale;  // 3 sqrt(3) / 8, at d = s / sqrt(3)
}

__device__ double extent_of(const Box& box) {
  const double dx = double{box.highest[0]} - box.lowest[0], dy = double{box.highest[1]} - box.lowest[1],
               dz = double{box.highest[2]} - box.lowest[2];
  return sqrt(dx * dx + dy * dy + dz * dz);
}

// Fits the clusters' boxes and the mesh's own to the vertices. One block a mesh of the batch.
__global__ void refit(TopologyView topology,
                      const float* __restrict__ vertices,  // (count, v, 3)
                      Box* __restrict__ boxes,             // (count, cluster)
                      Box* __restrict__ mesh_boxes) {      // (count)
  const std::int64_t mesh = blockIdx.x;
  const float* own = vertices + mesh * topology.vertex_count * 3;
  Box all{{kInfinity, kInfinity, kInfinity}, {-kInfinity, -kInfinity, -kInfinity}};
  for (std::int32_t cluster = threadIdx.x; cluster < topology.cluster_count; cluster += blockDim.x) {
    Box box{{kInfinity, kInfinity, kInfinity}, {-kInfinity, -kInfinity, -kInfinity}};
    const std::int32_t* offsets = topology.corners + cluster * 3 * kClusterSize;
    for (int i = 0; i < 3 * kClusterSize; ++i) {
      for (int axis = 0; axis < 3; ++axis) {
        const float x = own[offsets[i] + axis];
        box.lowest[axis] = fminf(box.lowest[axis], x);
        box.highest[axis] = fmaxf(box.highest[axis], x);
      }
    }
    boxes[mesh * topology.cluster_count + cluster] = box;
    for (int axis = 0; axis < 3; ++axis) {
      all.lowest[axis] = fminf(all.lowest[axis], box.lowest[axis]);
      all.highest[axis] = fmaxf(all.highest[axis], box.highest[axis]);
    }
  }
  __shared__ Box shared[kThreads];
  shared[threadIdx.x] = all;
  for (int half = kThreads / 2; half > 0; half /= 2) {
    __syncthreads();
    if (static_cast<int>(threadIdx.x) < half) {
      for (int axis = 0; axis < 3; ++axis) {
        shared[threadIdx.x].lowest[axis] =
            fminf(shared[threadIdx.x].lowest[axis], shared[threadIdx.x + half].lowest[axis]);
        shared[threadIdx.x].highest[axis] =
            fmaxf(shared[threadIdx.x].highest[axis], shared[threadIdx.x + half].highest[axis]);
      }
    }
  }
  if (threadIdx.x == 0) mesh_boxes[mesh] = shared[0];
}

struct MeshBatch {
  TopologyView topology;
  const float* __restrict__ vertices;  // (count, v, 3)
  const Box* __restrict__ boxes;       // (count, cluster)
  const Box* __restrict__ mesh_boxes;  // (count)
};

__device__ PosedMesh posed(const MeshBatch& batch, std::int64_t index) {
  return {batch.topology, batch.vertices + index * batch.topology.vertex_count * 3,
          batch.boxes + index * batch.topology.cluster_count, batch.mesh_boxes[index]};
}

struct Sink {
  float* __restrict__ depth;                 // (count, p)
  float* __restrict__ gradient;              // (count, p, 3) the points' own part
  unsigned long long* __restrict__ scatter;  // (count, v, 3) fixed-point part that falls on the mesh
};

__device__ void add_fixed_point(unsigned long long* sum, double value, double unit) {
  atomicAdd(sum, static_cast<unsigned long long>(llrint(value / unit)));
}

// Charges the vertices of one mesh that lie in the other: a warp takes 32 vertices, drops those outside the mesh's
// box, and looks at the others one by one. Grid: x over vertices, y over the batch.
__global__ void __launch_bounds__(kThreads)
    query(MeshBatch mesh_batch, const float* __restrict__ points, std::int32_t point_count, DepthLoss loss, Sink sink) {
  const std::int64_t pair = blockIdx.y;
  const PosedMesh mesh = posed(mesh_batch, pair);
  const double unit = steepest_slope(loss, extent_of(mesh.box)) / kFixedPointSteps;
  const int lane = threadIdx.x % kWarp;
  const std::int32_t warp = blockIdx.x * kWarps + threadIdx.x / kWarp;
  for (std::int32_t first = warp * kWarp; first < point_count; first += gridDim.x * kWarps * kWarp) {
    const std::int32_t mine = first + lane;
    const bool is_point = mine < point_count;
    const std::int64_t at = pair * point_count + (is_point ? mine : 0);
    const Vec3<float> own = vertex_at(points + 3 * at, 0);
    if (is_point) {
      sink.depth[at] = 0;
      for (int axis = 0; axis < 3; ++axis) sink.gradient[3 * at + axis] = 0;
    }
    unsigned near = __ballot_sync(kAllLanes, is_point && is_strictly_inside(mesh.box, own));
    for (; near != 0; near &= near - 1) {
      const int source = __ffs(near) - 1;
      const Vec3<float> p{__shfl_sync(kAllLanes, own.x, source), __shfl_sync(kAllLanes, own.y, source),
                          __shfl_sync(kAllLanes, own.z, source)};
      if (winding_number(mesh, p) <= 0) continue;
      const Closest closest = closest_on_mesh(mesh, p);
      if (closest.slot < 0 || lane != source) continue;
      Vec3<float> corners[3];
      int offsets[3];
      load_face(mesh, closest.slot, corners, offsets);
      const double weights[3] = {closest.point.weights.x, closest.point.weights.y, closest.point.weights.z};
      Vec3<double> offset{p.x, p.y, p.z};
      for (int k = 0; k < 3; ++k) offset -= weights[k] * Vec3<double>{corners[k].x, corners[k].y, corners[k].z};
      const double slope = penalty(loss, closest.point.squared_distance).slope_over_depth;
      const double gradient[3] = {slope * offset.x, slope * offset.y, slope * offset.z};
      sink.depth[at] = static_cast<float>(sqrt(closest.point.squared_distance));
      unsigned long long* scatter = sink.scatter + pair * mesh.topology.vertex_count * 3;
      for (int axis = 0; axis < 3; ++axis) {
        sink.gradient[3 * at + axis] = static_cast<float>(gradient[axis]);
        for (int k = 0; k < 3; ++k) add_fixed_point(scatter + offsets[k] + axis, -weights[k] * gradient[axis], unit);
      }
    }
    __syncwarp();
  }
}

// Adds what the other mesh's vertices left on this one to its gradient.
__global__ void gather(std::int64_t pair_stride, DepthLoss loss, const Box* __restrict__ mesh_boxes,
                       const unsigned long long* __restrict__ scatter,  // (count, v, 3)
                       float* __restrict__ gradient) {                  // (count, v, 3)
  const std::int64_t pair = blockIdx.y;
  const double unit = steepest_slope(loss, extent_of(mesh_boxes[pair])) / kFixedPointSteps;
  for (std::int64_t i = blockIdx.x * blockDim.x + threadIdx.x; i < pair_stride; i += gridDim.x * blockDim.x) {
    const std::int64_t at = pair * pair_stride + i;
    const auto sum = static_cast<long long>(scatter[at]);
    if (sum != 0) gradient[at] = static_cast<float>(gradient[at] + static_cast<double>(sum) * unit);
  }
}

__device__ double sum_of_penalties(const DepthLoss& loss, const float* depth, std::int32_t count) {
  double sum = 0;
  for (std::int32_t i = threadIdx.x; i < count; i += blockDim.x) {
    if (depth[i] > 0) sum += penalty(loss, double{depth[i]} * depth[i]).value;
  }
  return sum;
}

// Sums the penalties of a pair in a fixed order. One block a pair.
__global__ void total(std::int32_t va, std::int32_t vb, DepthLoss loss, const float* __restrict__ depth_a,
                      const float* __restrict__ depth_b, double* __restrict__ loss_out) {
  const std::int64_t pair = blockIdx.x;
  __shared__ double shared[kThreads];
  shared[threadIdx.x] =
      sum_of_penalties(loss, depth_a + pair * va, va) + sum_of_penalties(loss, depth_b + pair * vb, vb);
  for (int half = kThreads / 2; half > 0; half /= 2) {
    __syncthreads();
    if (static_cast<int>(threadIdx.x) < half) shared[threadIdx.x] += shared[threadIdx.x + half];
  }
  if (threadIdx.x == 0) loss_out[pair] = shared[0];
}

// Finds every point's closest surface point and side. A warp takes a point at a time; grid as in `query`.
__global__ void __launch_bounds__(kThreads)
    locate_points(MeshBatch mesh_batch, std::int64_t point_count, LocateArrays arrays) {
  const std::int64_t index = blockIdx.y;
  const PosedMesh mesh = posed(mesh_batch, index);
  const int lane = threadIdx.x % kWarp;
  const std::int64_t step = std::int64_t{gridDim.x} * kWarps;
  for (std::int64_t i = blockIdx.x * kWarps + threadIdx.x / kWarp; i < point_count; i += step) {
    const std::int64_t at = index * point_count + i;
    const Vec3<float> p = vertex_at(arrays.points + 3 * at, 0);
    const bool is_inside = winding_number(mesh, p) > 0;
    const Closest closest = closest_on_mesh(mesh, p);
    if (lane != 0) continue;
    const bool has_surface = closest.slot >= 0;
    const float distance = has_surface ? static_cast<float>(sqrt(closest.point.squared_distance)) : INFINITY;
    arrays.distance[at] = is_inside ? -distance : distance;
    arrays.face[at] = has_surface ? mesh.topology.faces[closest.slot] : -1;
    const double weights[3] = {closest.point.weights.x, closest.point.weights.y, closest.point.weights.z};
    for (int k = 0; k < 3; ++k) arrays.weights[3 * at + k] = has_surface ? static_cast<float>(weights[k]) : 0.0f;
  }
}

// Carves arrays out of a workspace; with a null start it only counts bytes.
class Carver {
 public:
  explicit Carver(void* start) : start_(static_cast<char*>(start)) {}

  template <typename T>
  T* take(std::int64_t count) {
    T* const array = start_ == nullptr ? nullptr : reinterpret_cast<T*>(start_ + bytes_);
    bytes_ += aligned(sizeof(T) * static_cast<std::size_t>(count));
    return array;
  }
  std::size_t bytes() const { return bytes_; }

 private:
  char* start_;
  std::size_t bytes_ = 0;
};

struct MeshSpace {
  MeshSpace(Carver& carver, const TopologyView& topology, std::int64_t count)
      : boxes(carver.take<Box>(count * topology.cluster_count)), mesh_boxes(carver.take<Box>(count)) {}
  Box* boxes;
  Box* mesh_boxes;
};

struct PairSpace {
  PairSpace(Carver& carver, const TopologyView& a, const TopologyView& b, std::int64_t count)
      : a(carver, a, count),
        b(carver, b, count),
        scatter_a(carver.take<unsigned long long>(count * a.vertex_count * 3)),
        scatter_b(carver.take<unsigned long long>(count * b.vertex_count * 3)) {}
  MeshSpace a, b;
  unsigned long long *scatter_a, *scatter_b;
};

MeshBatch refit_batch(const TopologyView& topology, std::int64_t count, const float* vertices, const MeshSpace& space,
                      cudaStream_t stream) {
  refit<<<static_cast<unsigned>(count), kThreads, 0, stream>>>(topology, vertices, space.boxes, space.mesh_boxes);
  return {topology, vertices, space.boxes, space.mesh_boxes};
}

unsigned blocks_for(std::int64_t items, std::int64_t per_block) {
  return static_cast<unsigned>((items + per_block - 1) / per_block);
}

constexpr std::int64_t kMostBatch = 65535;  // gridDim.y

}  // namespace

std::int32_t device_count() noexcept {
  int count = 0;
  return cudaGetDeviceCount(&count) == cudaSuccess ? count : (cudaGetLastError(), 0);
}

std::size_t penetration_workspace_bytes(const TopologyView& a, const TopologyView& b, std::int64_t count) noexcept {
  Carver carver(nullptr);
  PairSpace(carver, a, b, count < kMostBatch ? count : kMostBatch);
  return carver.bytes();
}

std::size_t locate_workspace_bytes(const TopologyView& mesh, std::int64_t count) noexcept {
  Carver carver(nullptr);
  MeshSpace(carver, mesh, count < kMostBatch ? count : kMostBatch);
  return carver.bytes();
}

namespace {

Status penetrate_some(const TopologyView& a, const TopologyView& b, std::int64_t count, const DepthLoss& loss,
                      const PairArrays& arrays, void* workspace, cudaStream_t stream) noexcept {
  Carver carver(workspace);
  const PairSpace space(carver, a, b, count);
  cudaMemsetAsync(space.scatter_a, 0, sizeof(unsigned long long) * count * a.vertex_count * 3, stream);
  cudaMemsetAsync(space.scatter_b, 0, sizeof(unsigned long long) * count * b.vertex_count * 3, stream);
  if (const Status status = status_of("cudaMemsetAsync"); !status.ok()) return status;
  const MeshBatch in_a = refit_batch(a, count, arrays.vertices_a, space.a, stream);
  const MeshBatch in_b = refit_batch(b, count, arrays.vertices_b, space.b, stream);
  if (const Status status = status_of("kernel refit"); !status.ok()) return status;
  const auto batch = static_cast<unsigned>(count);
  query<<<dim3(blocks_for(a.vertex_count, kThreads), batch), kThreads, 0, stream>>>(
      in_b, arrays.vertices_a, a.vertex_count, loss, Sink{arrays.depth_a, arrays.gradient_a, space.scatter_b});
  query<<<dim3(blocks_for(b.vertex_count, kThreads), batch), kThreads, 0, stream>>>(
      in_a, arrays.vertices_b, b.vertex_count, loss, Sink{arrays.depth_b, arrays.gradient_b, space.scatter_a});
  if (const Status status = status_of("kernel query"); !status.ok()) return status;
  const std::int64_t stride_a = std::int64_t{a.vertex_count} * 3, stride_b = std::int64_t{b.vertex_count} * 3;
  gather<<<dim3(blocks_for(stride_a, kThreads), batch), kThreads, 0, stream>>>(stride_a, loss, space.a.mesh_boxes,
                                                                               space.scatter_a, arrays.gradient_a);
  gather<<<dim3(blocks_for(stride_b, kThreads), batch), kThreads, 0, stream>>>(stride_b, loss, space.b.mesh_boxes,
                                                                               space.scatter_b, arrays.gradient_b);
  if (const Status status = status_of("kernel gather"); !status.ok()) return status;
  total<<<batch, kThreads, 0, stream>>>(a.vertex_count, b.vertex_count, loss, arrays.depth_a, arrays.depth_b,
                                        arrays.loss);
  return status_of("kernel total");
}

}  // namespace

Status penetrate_pairs(const TopologyView& a, const TopologyView& b, std::int64_t count, const DepthLoss& loss,
                       const PairArrays& arrays, void* workspace, Stream stream) noexcept {
  if (a.vertex_count == 0 || b.vertex_count == 0) return {};
  for (std::int64_t first = 0; first < count; first += kMostBatch) {
    const std::int64_t some = count - first < kMostBatch ? count - first : kMostBatch;
    const std::int64_t at_a = first * a.vertex_count, at_b = first * b.vertex_count;
    const PairArrays part{arrays.vertices_a + 3 * at_a, arrays.vertices_b + 3 * at_b, arrays.loss + first,
                          arrays.depth_a + at_a,        arrays.depth_b + at_b,        arrays.gradient_a + 3 * at_a,
                          arrays.gradient_b + 3 * at_b};
    const Status status = penetrate_some(a, b, some, loss, part, workspace, static_cast<cudaStream_t>(stream));
    if (!status.ok()) return status;
  }
  return {};
}

Status locate(const TopologyView& mesh, std::int64_t count, std::int64_t point_count, const LocateArrays& arrays,
              void* workspace, Stream stream) noexcept {
  if (point_count == 0) return {};
  const auto queue = static_cast<cudaStream_t>(stream);
  for (std::int64_t first = 0; first < count; first += kMostBatch) {
    const std::int64_t some = count - first < kMostBatch ? count - first : kMostBatch;
    const std::int64_t at = first * point_count;
    Carver carver(workspace);
    const MeshSpace space(carver, mesh, some);
    const MeshBatch batch = refit_batch(mesh, some, arrays.vertices + first * mesh.vertex_count * 3, space, queue);
    if (const Status status = status_of("kernel refit"); !status.ok()) return status;
    const LocateArrays part{arrays.points + 3 * at, nullptr, arrays.distance + at, arrays.face + at,
                            arrays.weights + 3 * at};
    locate_points<<<dim3(blocks_for(point_count, kWarps), static_cast<unsigned>(some)), kThreads, 0, queue>>>(
        batch, point_count, part);
    if (const Status status = status_of("kernel locate_points"); !status.ok()) return status;
  }
  return {};
}

}  // namespace a2p::cuda
