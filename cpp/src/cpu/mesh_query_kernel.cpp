// Queries of many points against one posed mesh; compiled once per instruction set, without contraction.
#include "cpu/mesh_query_kernel.h"

#include "a2p/closest_point.h"
#include "cpu/crossing_number.h"
#include "cpu/nearest.h"
#include "cpu/point_group.h"
#include "cpu/refit.h"

namespace a2p::A2P_ISA_NAMESPACE {
namespace {

Vec3<float> point_at(const float* points, std::int32_t index) {
  return {points[3 * index], points[3 * index + 1], points[3 * index + 2]};
}

Vec3<double> double_at(const float* start) { return {start[0], start[1], start[2]}; }

bool is_in_bounds(const PosedMesh& mesh, const Vec3<float>& p) {
  return p.x > mesh.lowest[0] && p.x < mesh.highest[0] && p.y > mesh.lowest[1] && p.y < mesh.highest[1] &&
         p.z > mesh.lowest[2] && p.z < mesh.highest[2];
}

// The closest surface point, in double from the face that the search in float found.
struct Surface {
  std::int32_t face;        // 16 times the cluster plus the lane
  std::int32_t corners[3];  // where each starts in the vertices
  TrianglePoint<double> point;
  Vec3<double> offset;  // from the surface to the query
};

Surface measure(const PosedMesh& mesh, const Vec3<double>& p, std::int32_t face) {
  Surface surface{.face = face, .corners = {}, .point = {}, .offset = {}};
  const std::int32_t cluster = face / kClusterSize, lane = face % kClusterSize;
  Vec3<double> corners[3];
  for (int k = 0; k < 3; ++k) {
    surface.corners[k] = mesh.topology.corners[(3 * cluster + k) * kClusterSize + lane];
    corners[k] = double_at(mesh.vertices + surface.corners[k]);
  }
  surface.point = closest_on_triangle(p, corners[0], corners[1], corners[2]);
  const Vec3<double>& w = surface.point.weights;
  surface.offset = (p - corners[0]) - w.y * (corners[1] - corners[0]) - w.z * (corners[2] - corners[0]);
  return surface;
}

Surface locate(const PosedMesh& mesh, const Vec3<float>& p, std::int32_t seed) {
  const Candidates candidates = nearest_faces(mesh, p, seed);
  const Vec3<double> query{p.x, p.y, p.z};
  Surface best = measure(mesh, query, candidates.faces[0]);
  for (int i = 1; i < candidates.count; ++i) {
    const Surface other = measure(mesh, query, candidates.faces[i]);
    if (other.point.squared_distance < best.point.squared_distance) best = other;
  }
  return best;
}

void write_hit(const PosedMesh& mesh, const Surface& surface, std::int32_t index, const QueryOutput& output) {
  if (output.face != nullptr) output.face[index] = mesh.topology.faces[surface.face];
  if (output.weights != nullptr) {
    const Vec3<double>& w = surface.point.weights;
    output.weights[3 * index] = static_cast<float>(w.x);
    output.weights[3 * index + 1] = static_cast<float>(w.y);
    output.weights[3 * index + 2] = static_cast<float>(w.z);
  }
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
void add_gradient(const PosedMesh& mesh, const Surface& surface, double slope, float* gradient) {
  const Vec3<double> pull = slope * surface.offset;
  gradient[0] = static_cast<float>(pull.x);
  gradient[1] = static_cast<float>(pull.y);
  gradient[2] = static_cast<float>(pull.z);
  const double weights[3] = {surface.point.weights.x, surface.point.weights.y, surface.point.weights.z};
  for (int k = 0; k < 3; ++k) {
    double* corner = mesh.scatter + surface.corners[k];
    corner[0] -= weights[k] * pull.x;
    corner[1] -= weights[k] * pull.y;
    corner[2] -= weights[k] * pull.z;
  }
}

// Writes what is asked for about a point inside the mesh, and returns its penalty.
double write_depth(const PosedMesh& mesh, const Surface& surface, const DepthLoss& loss, std::int32_t index,
                   const QueryOutput& output) {
  const Penalty charged = penalty(loss, surface.point.squared_distance);
  if (output.distance != nullptr) {
    output.distance[index] = static_cast<float>(__builtin_sqrt(surface.point.squared_distance));
  }
  write_hit(mesh, surface, index, output);
  if (output.gradient != nullptr) add_gradient(mesh, surface, charged.slope_over_depth, output.gradient + 3 * index);
  return charged.value;
}

// Writes what is asked for about the `inside` points of a group, and returns their penalties' sum. `seed` is a cluster
// near the points before, and then one near these.
double charge_points(const PosedMesh& mesh, const PointGroup& group, std::uint32_t inside, const std::int32_t* indices,
                     const DepthLoss& loss, const QueryOutput& output, std::int32_t& seed) {
  double total = 0;
  for (; inside != 0; inside &= inside - 1) {
    const int i = __builtin_ctz(inside);
    const Surface surface = locate(mesh, group.point(i), seed);
    seed = surface.face / kClusterSize;
    total += write_depth(mesh, surface, loss, indices[i], output);
  }
  return total;
}

}  // namespace

double penetrate(PosedMesh& mesh, const TopologyView& topology, const float* points, const DepthLoss& loss,
                 const QueryOutput& output) noexcept {
  for (std::int32_t i = 0; i < 3 * mesh.topology.vertex_count; ++i) mesh.scatter[i] = 0;
  write_misses(topology.vertex_count, 0, output);
  if (mesh.topology.surface_cluster_count == 0) return 0;
  bound(mesh.vertices, mesh.topology.vertex_count, mesh.lowest, mesh.highest);
  bool is_fitted = false;
  std::int32_t seed = 0;
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
    if (inside != 0) total += charge_points(mesh, group, inside, indices, loss, output, seed);
  }
  return total;
}

void prepare(PosedMesh& mesh) noexcept {
  bound(mesh.vertices, mesh.topology.vertex_count, mesh.lowest, mesh.highest);
  refit(mesh);
}

void signed_distances(const PosedMesh& mesh, std::int32_t count, const float* points,
                      const QueryOutput& output) noexcept {
  if (mesh.topology.surface_cluster_count == 0) {
    write_misses(count, __builtin_inff(), output);
    return;
  }
  std::int32_t seed = 0;
  for (std::int32_t index = 0; index < count; ++index) {
    const Vec3<float> p = point_at(points, index);
    const bool is_inside = is_in_bounds(mesh, p) && crossing_number(mesh, p) > 0;
    const Surface surface = locate(mesh, p, seed);
    seed = surface.face / kClusterSize;
    const double distance = __builtin_sqrt(surface.point.squared_distance);
    output.distance[index] = static_cast<float>(is_inside ? -distance : distance);
    write_hit(mesh, surface, index, output);
  }
}

}  // namespace a2p::A2P_ISA_NAMESPACE
