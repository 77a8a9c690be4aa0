// The CUDA kernels of penetration and distance, run on the processor, against the CPU kernels.
#include <cuda_runtime.h>

#include <cmath>

#include "a2p/cuda/device_topology.h"
#include "a2p/cuda/penetration.h"
#include "a2p/penetration.h"
#include "a2p/signed_distance.h"
#include "check.h"
#include "synthetic_hand.h"

namespace a2p::tests {
namespace {

// Poses of a topology, one after the other.
struct Poses {
  Topology topology;
  std::int64_t count;
  std::vector<float> vertices;

  std::int64_t vertex_count() const { return topology.vertex_count(); }
};

std::vector<float> repeated(const std::vector<float>& once, std::int64_t count) {
  std::vector<float> all;
  for (std::int64_t i = 0; i < count; ++i) all.insert(all.end(), once.begin(), once.end());
  return all;
}

// Boxes of a grid, rough by `roughness` (m) and moved by up to `reach`, or to lattice points without roughness.
Poses rough_boxes(int side, std::int64_t count, float roughness, float reach, unsigned seed) {
  const SyntheticHand hand(side);
  std::mt19937 random(seed);
  std::vector<float> vertices = repeated(hand.v_template, count);
  const std::vector<float> bumps = normal_floats(vertices.size(), roughness, random);
  std::uniform_int_distribution<int> lattice(-2, 2);
  for (std::int64_t pose = 0; pose < count; ++pose) {
    const float shift[3] = {reach * static_cast<float>(lattice(random)), reach * static_cast<float>(lattice(random)),
                            reach * static_cast<float>(lattice(random))};
    for (std::size_t i = 0; i < hand.v_template.size(); ++i) {
      const std::size_t at = static_cast<std::size_t>(pose) * hand.v_template.size() + i;
      vertices[at] += bumps[at] + shift[i % 3];
    }
  }
  return {hand.topology(), count, vertices};
}

struct Result {
  Result(const Poses& a, const Poses& b)
      : loss(static_cast<std::size_t>(a.count), -1),
        depth_a(a.vertices.size() / 3, -1),
        depth_b(b.vertices.size() / 3, -1),
        gradient_a(a.vertices.size(), -1),
        gradient_b(b.vertices.size(), -1) {}
  bool operator==(const Result&) const = default;

  std::vector<double> loss;
  std::vector<float> depth_a, depth_b, gradient_a, gradient_b;
};

Result on_cpu(const Poses& a, const Poses& b, const DepthLoss& loss) {
  Result result(a, b);
  PairScratchPool pool([&] { return std::make_unique<PairScratch>(a.topology, b.topology); });
  penetrate_pairs(a.topology, b.topology, a.count, a.vertices.data(), b.vertices.data(), loss, 1, pool,
                  result.loss.data(),
                  {.depth_a = result.depth_a.data(),
                   .depth_b = result.depth_b.data(),
                   .gradient_a = result.gradient_a.data(),
                   .gradient_b = result.gradient_b.data()});
  return result;
}

Result on_device(const Poses& a, const Poses& b, const DepthLoss& loss) {
  Result result(a, b);
  cuda::DeviceTopology topology_a, topology_b;
  A2P_CHECK(topology_a.upload(a.topology.view()).ok() && topology_b.upload(b.topology.view()).ok());
  std::vector<unsigned char> workspace(cuda::penetration_workspace_bytes(topology_a.view(), topology_b.view(), a.count),
                                       0xa5);
  const cuda::Status status =
      cuda::penetrate_pairs(topology_a.view(), topology_b.view(), a.count, loss,
                            {a.vertices.data(), b.vertices.data(), result.loss.data(), result.depth_a.data(),
                             result.depth_b.data(), result.gradient_a.data(), result.gradient_b.data()},
                            workspace.data(), nullptr);
  A2P_CHECK(status.ok());
  return result;
}

double largest(const std::vector<float>& values) {
  double most = 0;
  for (const float value : values) most = std::max(most, std::abs(double{value}));
  return most;
}

bool is_close(const std::vector<float>& actual, const std::vector<float>& expected, double tolerance) {
  bool close = actual.size() == expected.size();
  for (std::size_t i = 0; close && i < actual.size(); ++i) {
    close = std::abs(double{actual[i]} - expected[i]) <= tolerance;
    if (!close) std::fprintf(stderr, "%zu: %.9g, expected %.9g within %g\n", i, actual[i], expected[i], tolerance);
  }
  return close;
}

// Where two faces are equally close, backends may take either: gradients are compared only without such ties.
void check_alike(const Poses& a, const Poses& b, const DepthLoss& loss, bool has_ties) {
  const Result actual = on_device(a, b, loss), expected = on_cpu(a, b, loss);
  A2P_CHECK(is_close(actual.depth_a, expected.depth_a, 1e-8) && is_close(actual.depth_b, expected.depth_b, 1e-8));
  for (std::size_t i = 0; i < actual.loss.size(); ++i) {
    A2P_CHECK(std::abs(actual.loss[i] - expected.loss[i]) <= 1e-6 * expected.loss[i]);
  }
  if (has_ties) return;
  A2P_CHECK(largest(expected.gradient_a) > 0);
  A2P_CHECK(is_close(actual.gradient_a, expected.gradient_a, 1e-6 * largest(expected.gradient_a)));
  A2P_CHECK(is_close(actual.gradient_b, expected.gradient_b, 1e-6 * largest(expected.gradient_b)));
}

void rough_boxes_penetrate_as_on_the_cpu() {
  const Poses a = rough_boxes(6, 3, 3e-3F, 0.02F, 1), b = rough_boxes(5, 3, 3e-3F, 0.02F, 2);
  check_alike(a, b, {}, false);
  check_alike(a, b, {DepthLossKind::kHuber, 5e-3}, false);
  check_alike(a, b, {DepthLossKind::kGmof, 5e-3}, false);
}

void boxes_on_a_lattice_penetrate_as_on_the_cpu() {
  check_alike(rough_boxes(4, 6, 0, 0.025F, 3), rough_boxes(2, 6, 0, 0.025F, 4), {}, true);
  check_alike(rough_boxes(4, 6, 0, 0.0125F, 5), rough_boxes(4, 6, 0, 0.0125F, 6), {}, true);
}

void a_mesh_too_large_for_shared_memory_penetrates_alike() {
  const Poses a = rough_boxes(6, 2, 3e-3F, 0.02F, 1), b = rough_boxes(5, 2, 3e-3F, 0.02F, 2);
  const Result close = on_device(a, b, {});
  cuda_on_host::most_shared_bytes = 16 * 1024;
  A2P_CHECK(on_device(a, b, {}) == close);
  cuda_on_host::most_shared_bytes = 227 * 1024;
}

void the_order_of_threads_changes_no_bit() {
  const Poses a = rough_boxes(6, 2, 3e-3F, 0.02F, 1), b = rough_boxes(5, 2, 3e-3F, 0.02F, 2);
  const Result forward = on_device(a, b, {});
  cuda_on_host::is_reversed = true;
  A2P_CHECK(on_device(a, b, {}) == forward);
  cuda_on_host::is_reversed = false;
}

void a_batch_larger_than_a_launch_is_its_pairs() {
  const Poses few = rough_boxes(1, 1, 0, 0, 7);
  const Poses many{few.topology, 9, repeated(few.vertices, 9)};
  Poses moved = many;
  for (std::size_t i = 0; i < moved.vertices.size(); ++i) moved.vertices[i] += 1e-3F * static_cast<float>(i % 24);
  const Result result = on_device(many, moved, {});
  A2P_CHECK(result.loss.front() > 0 && largest(result.gradient_a) > 0);
  for (const double loss : result.loss) A2P_CHECK(loss == result.loss.front());
  for (std::size_t i = 24; i < 9 * 24; ++i) A2P_CHECK(result.gradient_a[i] == result.gradient_a[i - 24]);
  for (std::size_t i = 24; i < 9 * 24; ++i) A2P_CHECK(result.gradient_b[i] == result.gradient_b[i - 24]);
}

void check_distances(const Poses& mesh, const std::vector<float>& points, double tolerance) {
  const std::int64_t point_count = static_cast<std::int64_t>(points.size()) / 3 / mesh.count;
  const auto total = static_cast<std::size_t>(mesh.count * point_count);
  std::vector<float> expected(total), actual(total), weights(3 * total);
  std::vector<std::int32_t> face(total);
  MeshScratchPool pool([&] { return std::make_unique<MeshScratch>(mesh.topology); });
  signed_distance(mesh.topology, {mesh.count, point_count, points.data(), mesh.vertices.data()}, 1, pool,
                  {expected.data(), face.data(), weights.data()});
  cuda::DeviceTopology topology;
  A2P_CHECK(topology.upload(mesh.topology.view()).ok());
  std::vector<unsigned char> workspace(cuda::locate_workspace_bytes(topology.view(), mesh.count), 0xa5);
  const cuda::Status status = cuda::locate(
      topology.view(), mesh.count, point_count,
      {points.data(), mesh.vertices.data(), actual.data(), face.data(), weights.data()}, workspace.data(), nullptr);
  A2P_CHECK(status.ok());
  A2P_CHECK(is_close(actual, expected, tolerance));
  for (std::size_t i = 0; i < total; ++i) {
    A2P_CHECK(face[i] >= 0 && face[i] < mesh.topology.face_count());
    A2P_CHECK(std::abs(weights[3 * i] + weights[3 * i + 1] + weights[3 * i + 2] - 1) < 1e-6);
  }
}

void rays_through_edges_and_corners_are_counted_as_on_the_cpu() {
  std::vector<float> grid;
  for (int i = 0; i < 9 * 9 * 9; ++i) {
    for (const int index : {i % 9, i / 9 % 9, i / 81}) grid.push_back(0.0125F * static_cast<float>(index - 4));
  }
  check_distances(rough_boxes(4, 1, 0, 0, 1), grid, 1e-8);
  check_distances(rough_boxes(2, 1, 0, 0, 1), grid, 1e-8);
}

void distances_of_random_points_are_those_of_the_cpu() {
  std::mt19937 random(8);
  check_distances(rough_boxes(6, 2, 3e-3F, 0.02F, 1), normal_floats(2 * 3 * 150, 0.08F, random), 1e-8);
}

// Triangles of any thinness, without connection; signs mean nothing, distances do.
void needles_are_measured_as_well_as_other_triangles() {
  std::mt19937 random(9);
  for (const float thickness : {1e-3F, 1e-6F, 1e-8F, 0.0F}) {
    std::vector<float> vertices = normal_floats(3 * 60, 0.05F, random);
    std::vector<Vec3<std::int32_t>> faces;
    std::vector<Vec3<float>> points;
    for (std::int32_t i = 0; i < 60; i += 3) faces.push_back({i, i + 1, i + 2});
    for (std::size_t i = 0; i < vertices.size(); i += 3) {
      // Thin about the diagonal, so that rounding is that of any direction.
      const float along = vertices[i], y = thickness * vertices[i + 1], z = thickness * vertices[i + 2];
      vertices[i] = 0.6F * along + y;
      vertices[i + 1] = 0.64F * along - y + z;
      vertices[i + 2] = 0.48F * along - z;
      points.push_back({vertices[i], vertices[i + 1], vertices[i + 2]});
    }
    const bool no_cap[20] = {};
    check_distances({Topology(faces, no_cap, points), 1, vertices}, normal_floats(600, 0.05F, random), 1e-7);
  }
}

void caps_and_empty_meshes_have_no_surface() {
  Poses box = rough_boxes(2, 1, 0, 0, 1);
  const SyntheticHand hand(2);
  std::vector<std::uint8_t> caps(hand.faces.size(), 1);
  std::vector<Vec3<float>> points;
  for (std::size_t i = 0; i < hand.v_template.size(); i += 3) {
    points.push_back({hand.v_template[i], hand.v_template[i + 1], hand.v_template[i + 2]});
  }
  const Topology capped(hand.faces, {reinterpret_cast<const bool*>(caps.data()), caps.size()}, points);
  for (const Topology& mesh : {capped, Topology({}, {}, points)}) {
    const Result result = on_device({mesh, 1, box.vertices}, box, {});
    A2P_CHECK(largest(result.depth_b) == 0 && largest(result.gradient_b) == largest(result.gradient_a));
    cuda::DeviceTopology topology;
    A2P_CHECK(topology.upload(mesh.view()).ok());
    std::vector<unsigned char> workspace(cuda::locate_workspace_bytes(topology.view(), 1));
    float distance = 0, weights[3] = {1, 1, 1};
    std::int32_t face = 0;
    const float point[3] = {0, 0, 0};
    A2P_CHECK(cuda::locate(topology.view(), 1, 1, {point, box.vertices.data(), &distance, &face, weights},
                           workspace.data(), nullptr)
                  .ok());
    A2P_CHECK(std::isinf(distance) && face == -1 && weights[0] == 0);
  }
}

void broken_positions_do_no_harm() {
  const Poses a = rough_boxes(4, 1, 0, 0, 1);
  for (const float broken : {std::nanf(""), INFINITY, 1e30F, 3e38F}) {
    Poses b = a;
    b.vertices[7] = broken;
    b.vertices[60] = -broken;
    on_device(a, b, {});
    for (float& value : b.vertices) value = broken;
    on_device(a, b, {});
  }
}

}  // namespace
}  // namespace a2p::tests

int main() {
  a2p::tests::rough_boxes_penetrate_as_on_the_cpu();
  a2p::tests::boxes_on_a_lattice_penetrate_as_on_the_cpu();
  a2p::tests::a_mesh_too_large_for_shared_memory_penetrates_alike();
  a2p::tests::the_order_of_threads_changes_no_bit();
  a2p::tests::a_batch_larger_than_a_launch_is_its_pairs();
  a2p::tests::rays_through_edges_and_corners_are_counted_as_on_the_cpu();
  a2p::tests::distances_of_random_points_are_those_of_the_cpu();
  a2p::tests::needles_are_measured_as_well_as_other_triangles();
  a2p::tests::caps_and_empty_meshes_have_no_surface();
  a2p::tests::broken_positions_do_no_harm();
  return a2p::tests::failures == 0 ? 0 : 1;
}
