// Queries of many points against one posed mesh; compiled once per instruction set, without contraction.
#include "cpu/mesh_query_kernel.h"

#include "cpu/crossing_number.h"
#include "cpu/nearest.h"
#include "cpu/point_group.h"
#include "cpu/refit.h"
#include "cpu/surface_points.h"

namespace a2p::A2P_ISA_NAMESPACE {
namespace {

void write_hit(const PosedMesh& mesh, std::int32_t face, const SurfacePoints& surface, int lane, std::int32_t index,
               const QueryOutput& output) {
  if (output.face != nullptr) output.face[index] = mesh.topology.faces[face];
  if (output.weights == nullptr) return;
  for (int k = 0; k < 3; ++k) output.weights[3 * index + k] = static_cast<float>(surface.weights[k][lane]);
}

void fill(float* values, std::int32_t count, float value) {
  if (values == nullptr) return;
  for (std::int32_t i = 0; i < count; ++i) values[i] = value;
}

// Writes for `count` points that they have no closest face.
void write_misses(std::int32_t count, float distance, const QueryOutput& output) {
  fill(output.distance, count, distance);
  fill(output.weights, 3 * count, 0);
  fill(output.gradient, 3 * count, 0);
  if (output.face == nullptr) return;
  for (std::int32_t i = 0; i < count; ++i) output.face[i] = -1;
}

// Adds the gradient of the penalty with respect to the point and to the face's corners.
void add_gradient(const PosedMesh& mesh, const SurfacePoints& surface, int lane, double slope, float* gradient) {
  for (int axis = 0; axis < 3; ++axis) {
    const double pull = slope * surface.offset[axis][lane];
    gradient[axis] = static_cast<float>(pull);
    for (int k = 0; k < 3; ++k) mesh.scatter[surface.corners[lane][k] + axis] -= surface.weights[k][lane] * pull;
  }
}

// Writes what is asked for about points inside the mesh, and returns the sum of their penalties.
double charge_points(const PosedMesh& mesh, LocatedPoints& points, const std::int32_t* indices, const DepthLoss& loss,
                     const QueryOutput& output) {
  const SurfacePoints surface = surface_points(mesh, points);
  double total = 0;
  for (int i = 0; i < points.count;) {
    const int at = closest_of_point(points, surface, i);
    const std::int32_t index = indices[points.slot[at]];
    const Penalty charged = penalty(loss, surface.squared_distance[at]);
    if (output.distance != nullptr) {
      output.distance[index] = static_cast<float>(__builtin_sqrt(surface.squared_distance[at]));
    }
    write_hit(mesh, points.face[at], surface, at, index, output);
    if (output.gradient != nullptr) {
      add_gradient(mesh, surface, at, charged.slope_over_depth, output.gradient + 3 * index);
    }
    total += charged.value;
  }
  return total;
}

// The same for those points of a group that are `inside`. `face` is one near the points before, and then near these.
double charge_group(const PosedMesh& mesh, const PointGroup& group, std::uint32_t inside, const std::int32_t* indices,
                    const DepthLoss& loss, const QueryOutput& output, std::int32_t& face) {
  double total = 0;
  while (inside != 0) {
    LocatedPoints points;
    for (; inside != 0 && points.has_room(); inside &= inside - 1) {
      const int i = __builtin_ctz(inside);
      const Candidates candidates = nearest_faces<Frames::kLazy>(mesh, group.point(i), face);
      face = candidates.faces[0];
      points.append(group.point(i), i, candidates);
    }
    total += charge_points(mesh, points, indices, loss, output);
  }
  return total;
}

// Writes the signed distances of a group's points, those `inside` negative. `face` is as above.
void write_distances(const PosedMesh& mesh, const PointGroup& group, std::int32_t count, std::uint32_t inside,
                     const std::int32_t* indices, const QueryOutput& output, std::int32_t& face) {
  for (int next = 0; next < count;) {
    LocatedPoints points;
    for (; next < count && points.has_room(); ++next) {
      const Candidates candidates = nearest_faces<Frames::kReady>(mesh, group.point(next), face);
      face = candidates.faces[0];
      points.append(group.point(next), next, candidates);
    }
    const SurfacePoints surface = surface_points(mesh, points);
    for (int i = 0; i < points.count;) {
      const int at = closest_of_point(points, surface, i);
      const double distance = __builtin_sqrt(surface.squared_distance[at]);
      const bool is_inside = (inside >> points.slot[at] & 1) != 0;
      output.distance[indices[points.slot[at]]] = static_cast<float>(is_inside ? -distance : distance);
      write_hit(mesh, points.face[at], surface, at, indices[points.slot[at]], output);
    }
  }
}

// Orders points by the cells of a lattice that they lie in, along G. M. Morton's curve (1966), so that those in turn
// are near each other. Requires at most kSortedPoints.
void sort_points(const float* points, std::int32_t count, std::int32_t* order) {
  constexpr int kBits = 4, kCells = 1 << kBits;
  constexpr std::uint16_t kSpread[kCells] = {0,     01,    010,   011,   0100,  0101,  0110,  0111,
                                             01000, 01001, 01010, 01011, 01100, 01101, 01110, 01111};
  float low[3], high[3], scale[3];
  bound(points, count, low, high);
  for (int axis = 0; axis < 3; ++axis) scale[axis] = high[axis] > low[axis] ? kCells / (high[axis] - low[axis]) : 0;
  std::uint16_t cells[kSortedPoints];
  std::int16_t ends[kCells * kCells * kCells + 1] = {};
  for (std::int32_t i = 0; i < count; ++i) {
    std::uint16_t cell = 0;
    for (int axis = 0; axis < 3; ++axis) {
      const float place = (points[3 * i + axis] - low[axis]) * scale[axis];
      cell |= kSpread[place < kCells - 1 ? static_cast<int>(place) : kCells - 1] << axis;
    }
    cells[i] = cell;
    ++ends[cell + 1];
  }
  for (int cell = 0; cell < kCells * kCells * kCells; ++cell) ends[cell + 1] += ends[cell];
  for (std::int32_t i = 0; i < count; ++i) order[ends[cells[i]]++] = i;
}

}  // namespace

double penetrate(PosedMesh& mesh, const TopologyView& topology, const float* points, const DepthLoss& loss,
                 const QueryOutput& output) noexcept {
  for (std::int32_t i = 0; i < 3 * mesh.topology.vertex_count; ++i) mesh.scatter[i] = 0;
  write_misses(topology.vertex_count, 0, output);
  if (mesh.topology.surface_cluster_count == 0) return 0;
  bound(mesh.vertices, mesh.topology.vertex_count, mesh.lowest, mesh.highest);
  bool is_fitted = false;
  std::int32_t face = 0;
  double total = 0;
  for (std::int32_t first = 0; first < topology.vertex_count; first += PointGroup::kSize) {
    const std::int32_t left = topology.vertex_count - first,
                       count = left < PointGroup::kSize ? left : PointGroup::kSize;
    const std::int32_t* indices = topology.vertex_order + first;
    const PointGroup group = gather_group(points, indices, count);
    const std::uint32_t asked = points_inside(group, mesh.lowest, mesh.highest) & ((1u << count) - 1);
    if (asked == 0) continue;
    if (!is_fitted) refit(mesh);
    is_fitted = true;
    const std::uint32_t inside = points_wound(mesh, group, asked);
    if (inside != 0) total += charge_group(mesh, group, inside, indices, loss, output, face);
  }
  return total;
}

void prepare(PosedMesh& mesh) noexcept {
  bound(mesh.vertices, mesh.topology.vertex_count, mesh.lowest, mesh.highest);
  refit(mesh);
  for (std::int32_t cluster = 0; cluster < mesh.topology.surface_cluster_count; ++cluster) ensure_frames(mesh, cluster);
}

void signed_distances(const PosedMesh& mesh, std::int32_t count, const float* points,
                      const QueryOutput& output) noexcept {
  if (mesh.topology.surface_cluster_count == 0) {
    write_misses(count, __builtin_inff(), output);
    return;
  }
  std::int32_t face = 0;
  std::int32_t order[kSortedPoints];
  sort_points(points, count, order);
  for (std::int32_t first = 0; first < count; first += PointGroup::kSize) {
    const std::int32_t group_size = count - first < PointGroup::kSize ? count - first : PointGroup::kSize;
    const PointGroup group = gather_group(points, order + first, group_size);
    const std::uint32_t asked = points_inside(group, mesh.lowest, mesh.highest) & ((1u << group_size) - 1);
    const std::uint32_t inside = asked != 0 ? points_wound(mesh, group, asked) : 0;
    write_distances(mesh, group, group_size, inside, order + first, output, face);
  }
}

}  // namespace a2p::A2P_ISA_NAMESPACE
