#include <cuda_runtime.h>

#include "a2p/cuda/penetration.h"
#include "a2p/depth_loss.h"
#include "cuda/posed_batch.cuh"

namespace a2p::cuda {
namespace {

// A vertex's gradient is summed in units of this share of the steepest possible slope, so that the order of the sum
// cannot matter; 2^18 vertices may meet in one corner before it overflows.
constexpr double kFixedPointSteps = 17592186044416.0;  // 2^44
// Points that a block looks at between two waits: at most, and at least where few pairs leave the device idle.
constexpr std::int32_t kMostInTile = 1024, kFewestInTile = 64;

// The largest |phi'(d)| for depths up to `extent`.
__device__ double steepest_slope(const DepthLoss& loss, double extent) {
  if (loss.kind == DepthLossKind::kSquared) return extent;
  if (loss.kind == DepthLossKind::kHuber) return loss.scale < extent ? loss.scale : extent;
  return 0.6495190528383290 / loss.scale;  // 3 sqrt(3) / 8, at d = s / sqrt(3)
}

__device__ double fixed_point_unit(const DepthLoss& loss, const Box& box) {
  const double dx = double{box.highest.x} - box.lowest.x, dy = double{box.highest.y} - box.lowest.y,
               dz = double{box.highest.z} - box.lowest.z;
  return steepest_slope(loss, sqrt(dx * dx + dy * dy + dz * dz)) / kFixedPointSteps;
}

// The vertices of one mesh against the other.
struct Direction {
  PosedBatch mesh;
  const float* points;          // (count, p, 3)
  std::int32_t point_count;     // p
  float* depth;                 // (count, p)
  float* gradient;              // (count, p, 3) the points' own part
  unsigned long long* scatter;  // (count, v, 3) fixed-point part that falls on the mesh
};

__host__ __device__ std::int32_t tiles_of(const Direction& way, std::int32_t tile_size) {
  return (way.point_count + tile_size - 1) / tile_size;
}

// What a block works off between two waits: the points near the mesh, then those inside with their closest face.
struct Tile {
  __host__ __device__ explicit Tile(Carver& carver)
      : counts(carver.take<int>(3)),
        slots(carver.take<std::int32_t>(kMostInTile)),
        near(carver.take<std::uint16_t>(kMostInTile)),
        inside(carver.take<std::uint16_t>(kMostInTile)) {}

  int* counts;  // near, inside, and how many of the near ones are taken
  std::int32_t* slots;
  std::uint16_t* near;
  std::uint16_t* inside;
};

// Lists which of `end` points lie in the mesh's box, and clears every point's output.
__device__ void list_near(const Direction& way, std::int64_t pair, std::int32_t first, std::int32_t end, const Box& box,
                          const Tile& tile) {
  for (std::int32_t start = 0; start < end; start += kThreads) {
    const std::int32_t mine = start + static_cast<std::int32_t>(threadIdx.x);
    bool is_near = false;
    if (mine < end) {
      const std::int64_t at = pair * way.point_count + first + mine;
      is_near = is_strictly_inside(box, vertex_at(way.points + 3 * at, 0));
      way.depth[at] = 0;
      for (int axis = 0; axis < 3; ++axis) way.gradient[3 * at + axis] = 0;
    }
    const unsigned nears = __ballot_sync(kAllLanes, is_near);
    int place = 0;
    if (lane_index() == 0 && nears != 0) place = atomicAdd(&tile.counts[0], __popc(nears));
    place = __shfl_sync(kAllLanes, place, 0) + __popc(nears & ((1u << lane_index()) - 1));
    if (is_near) tile.near[place] = static_cast<std::uint16_t>(mine);
  }
}

// Lists the near points that lie inside, with their closest faces. A warp takes a point at a time.
template <typename Offset>
__device__ void find_inside(const Direction& way, std::int64_t pair, std::int32_t first, const PosedMesh<Offset>& mesh,
                            const Tile& tile) {
  const int count = tile.counts[0];
  while (true) {
    int taken = 0;
    if (lane_index() == 0) taken = atomicAdd(&tile.counts[2], 1);
    taken = __shfl_sync(kAllLanes, taken, 0);
    if (taken >= count) return;
    const std::uint16_t index = tile.near[taken];
    const std::int64_t at = pair * way.point_count + first + index;
    const Vec3<float> p = vertex_at(way.points + 3 * at, 0);
    if (winding_number(mesh, p) <= 0) continue;
    const std::int32_t slot = closest_slot(mesh, p);
    if (lane_index() != 0) continue;
    const int place = atomicAdd(&tile.counts[1], 1);
    tile.inside[place] = index;
    tile.slots[place] = slot;
  }
}

// Charges one inside point: its depth and gradient, and what falls on the corners of its closest face.
template <typename Offset>
__device__ void charge(const Direction& way, std::int64_t pair, std::int64_t at, const PosedMesh<Offset>& mesh,
                       std::int32_t slot, const DepthLoss& loss, double unit) {
  const Vec3<float> p = vertex_at(way.points + 3 * at, 0);
  const Face face = load_face(mesh, slot);
  const TrianglePoint<double> closest = closest_on_face(face, p);
  const double weights[3] = {closest.weights.x, closest.weights.y, closest.weights.z};
  const Vec3<double> origin = exact(face.corners[0]);
  const Vec3<double> offset = (exact(p) - origin) - weights[1] * (exact(face.corners[1]) - origin) -
                              weights[2] * (exact(face.corners[2]) - origin);
  const double slope = penalty(loss, closest.squared_distance).slope_over_depth;
  const double gradient[3] = {slope * offset.x, slope * offset.y, slope * offset.z};
  way.depth[at] = static_cast<float>(sqrt(closest.squared_distance));
  unsigned long long* scatter = way.scatter + pair * way.mesh.topology.vertex_count * 3;
  for (int axis = 0; axis < 3; ++axis) {
    way.gradient[3 * at + axis] = static_cast<float>(gradient[axis]);
    for (int k = 0; k < 3; ++k) {
      const long long steps = llrint(-weights[k] * gradient[axis] / unit);
      atomicAdd(scatter + face.offsets[k] + axis, static_cast<unsigned long long>(steps));
    }
  }
}

// Charges the vertices of each mesh that lie in the other. Grid: x shares a pair's points, y over the batch, z over
// the two directions.
template <typename Offset>
__global__ void __launch_bounds__(kThreads, 4)
    query(Direction first_way, Direction second_way, std::int32_t tile_size, DepthLoss loss) {
  const Direction way = blockIdx.z == 0 ? first_way : second_way;
  const std::int64_t pair = blockIdx.y;
  Carver shared(dynamic_shared());
  const Tile tile(shared);
  const PosedMesh<Offset> mesh = posed<Offset>(way.mesh, pair, shared);
  const bool has_surface = mesh.surface_cluster_count > 0;
  const double unit = fixed_point_unit(loss, mesh.box);
  for (std::int32_t tile_index = static_cast<std::int32_t>(blockIdx.x); tile_index < tiles_of(way, tile_size);
       tile_index += static_cast<std::int32_t>(gridDim.x)) {
    const std::int32_t first = tile_index * tile_size;
    if (threadIdx.x < 3) tile.counts[threadIdx.x] = 0;
    __syncthreads();
    list_near(way, pair, first, min(tile_size, way.point_count - first), mesh.box, tile);
    __syncthreads();
    if (has_surface) find_inside(way, pair, first, mesh, tile);
    __syncthreads();
    const int inside_count = tile.counts[1];
    for (int i = static_cast<int>(threadIdx.x); i < inside_count; i += static_cast<int>(kThreads)) {
      charge(way, pair, pair * way.point_count + first + tile.inside[i], mesh, tile.slots[i], loss, unit);
    }
    __syncthreads();
  }
}

// Adds to a mesh's gradient what the other mesh's vertices left on it.
__device__ void gather(const PosedBatch& mesh, std::int64_t pair, const DepthLoss& loss,
                       const unsigned long long* scatter, float* gradient) {
  const std::int64_t length = std::int64_t{3} * mesh.topology.vertex_count;
  const double unit = fixed_point_unit(loss, mesh.mesh_boxes[pair]);
  for (std::int64_t i = threadIdx.x; i < length; i += kThreads) {
    const auto sum = static_cast<long long>(scatter[pair * length + i]);
    float* own = gradient + pair * length + i;
    if (sum != 0) *own = static_cast<float>(*own + static_cast<double>(sum) * unit);
  }
}

__device__ double sum_of_penalties(const Direction& way, std::int64_t pair, const DepthLoss& loss) {
  double sum = 0;
  for (std::int32_t i = static_cast<std::int32_t>(threadIdx.x); i < way.point_count;
       i += static_cast<std::int32_t>(kThreads)) {
    const double depth = way.depth[pair * way.point_count + i];
    if (depth > 0) sum += penalty(loss, depth * depth).value;
  }
  return sum;
}

// Completes the gradients and sums the penalties in a fixed order. One block a pair; a is the mesh of `into_a`.
__global__ void __launch_bounds__(kThreads) finish(Direction into_b, Direction into_a, DepthLoss loss,
                                                   double* __restrict__ loss_out) {  // (count)
  const std::int64_t pair = blockIdx.x;
  gather(into_a.mesh, pair, loss, into_a.scatter, into_b.gradient);
  gather(into_b.mesh, pair, loss, into_b.scatter, into_a.gradient);
  double* sums = reinterpret_cast<double*>(dynamic_shared());  // (kThreads)
  sums[threadIdx.x] = sum_of_penalties(into_b, pair, loss) + sum_of_penalties(into_a, pair, loss);
  for (unsigned half = kThreads / 2; half > 0; half /= 2) {
    __syncthreads();
    if (threadIdx.x < half) sums[threadIdx.x] += sums[threadIdx.x + half];
  }
  if (threadIdx.x == 0) loss_out[pair] = sums[0];
}

struct PairSpace {
  PairSpace(Carver& carver, const TopologyView& a, const TopologyView& b, std::int64_t count, const PairArrays& arrays)
      : a(carve_batch(carver, a, count, arrays.vertices_a)),
        b(carve_batch(carver, b, count, arrays.vertices_b)),
        scatter_length(count * 3 * (std::int64_t{a.vertex_count} + b.vertex_count)),
        scatter(carver.take<unsigned long long>(scatter_length)) {}

  PosedBatch a, b;
  std::int64_t scatter_length;
  unsigned long long* scatter;  // that of a, then that of b
};

bool fits_close(const TopologyView& topology, std::size_t bytes, const DeviceLimits& limits) {
  return topology.vertex_count <= kMostCloseVertices && bytes <= limits.shared_bytes;
}

Status launch_query(const Direction& into_b, const Direction& into_a, std::int64_t count, const DepthLoss& loss,
                    const DeviceLimits& limits, cudaStream_t stream) noexcept {
  const auto shared_of = [](const TopologyView& topology) {
    Carver carver(nullptr);
    Tile tile(carver);
    ClosePose close(carver, topology);
    return carver.bytes();
  };
  const std::size_t bytes_a = shared_of(into_a.mesh.topology), bytes_b = shared_of(into_b.mesh.topology);
  Carver tile_alone(nullptr);
  Tile tile(tile_alone);
  std::int32_t tile_size = kMostInTile;
  const auto blocks_of = [&](const Direction& way) { return std::int64_t{tiles_of(way, tile_size)} * count; };
  while (tile_size > kFewestInTile && blocks_of(into_b) + blocks_of(into_a) < limits.blocks_at_once) tile_size /= 2;
  const std::int32_t tiles_b = tiles_of(into_b, tile_size), tiles_a = tiles_of(into_a, tile_size);
  const std::int32_t tiles = tiles_b > tiles_a ? tiles_b : tiles_a;
  const auto blocks = static_cast<unsigned>(tiles > 0 ? tiles : 1);
  Launch how{dim3(blocks, static_cast<unsigned>(count), 2), kThreads, stream, tile_alone.bytes()};
  if (fits_close(into_a.mesh.topology, bytes_a, limits) && fits_close(into_b.mesh.topology, bytes_b, limits)) {
    how.shared_bytes = bytes_a > bytes_b ? bytes_a : bytes_b;
    return launch("kernel query", how, query<std::uint16_t>, into_b, into_a, tile_size, loss);
  }
  return launch("kernel query", how, query<std::int32_t>, into_b, into_a, tile_size, loss);
}

Status penetrate_some(const TopologyView& a, const TopologyView& b, std::int64_t count, const DepthLoss& loss,
                      const PairArrays& arrays, void* workspace, const DeviceLimits& limits,
                      cudaStream_t stream) noexcept {
  Carver carver(workspace);
  const PairSpace space(carver, a, b, count, arrays);
  unsigned long long* scatter_b = space.scatter + count * 3 * a.vertex_count;
  const Direction into_b{space.b, arrays.vertices_a, a.vertex_count, arrays.depth_a, arrays.gradient_a, scatter_b};
  const Direction into_a{space.a, arrays.vertices_b, b.vertex_count, arrays.depth_b, arrays.gradient_b, space.scatter};
  const std::size_t bytes = sizeof(unsigned long long) * static_cast<std::size_t>(space.scatter_length);
  Status status = status_of(cudaMemsetAsync(space.scatter, 0, bytes, stream), "cudaMemsetAsync");
  if (status.ok()) status = refit_batches(space.a, space.b, count, 2, stream);
  if (status.ok()) status = launch_query(into_b, into_a, count, loss, limits, stream);
  if (!status.ok()) return status;
  return launch("kernel finish", {dim3(static_cast<unsigned>(count)), kThreads, stream, sizeof(double) * kThreads},
                finish, into_b, into_a, loss, arrays.loss);
}

}  // namespace

std::int32_t device_count() noexcept {
  int count = 0;
  return cudaGetDeviceCount(&count) == cudaSuccess ? count : (cudaGetLastError(), 0);
}

std::size_t penetration_workspace_bytes(const TopologyView& a, const TopologyView& b, std::int64_t count) noexcept {
  Carver carver(nullptr);
  PairSpace(carver, a, b, count < kMostAtOnce ? count : kMostAtOnce, {});
  return carver.bytes();
}

Status penetrate_pairs(const TopologyView& a, const TopologyView& b, std::int64_t count, const DepthLoss& loss,
                       const PairArrays& arrays, void* workspace, Stream stream) noexcept {
  DeviceLimits limits;
  if (const Status status = read_limits(limits); !status.ok()) return status;
  for (std::int64_t first = 0; first < count; first += kMostAtOnce) {
    const std::int64_t some = count - first < kMostAtOnce ? count - first : kMostAtOnce;
    const std::int64_t at_a = first * a.vertex_count, at_b = first * b.vertex_count;
    const PairArrays part{arrays.vertices_a + 3 * at_a, arrays.vertices_b + 3 * at_b, arrays.loss + first,
                          arrays.depth_a + at_a,        arrays.depth_b + at_b,        arrays.gradient_a + 3 * at_a,
                          arrays.gradient_b + 3 * at_b};
    const Status status = penetrate_some(a, b, some, loss, part, workspace, limits, static_cast<cudaStream_t>(stream));
    if (!status.ok()) return status;
  }
  return {};
}

}  // namespace a2p::cuda
