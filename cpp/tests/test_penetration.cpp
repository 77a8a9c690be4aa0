// Penetration and signed distance against closed forms, on every instruction set, for the sanitizers too.
#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <thread>
#include <vector>

#include "a2p/closest_point.h"
#include "a2p/isa.h"
#include "a2p/penetration.h"
#include "a2p/signed_distance.h"
#include "check.h"

namespace {

using a2p::Vec3;

struct Mesh {
  std::vector<Vec3<float>> vertices;
  std::vector<Vec3<std::int32_t>> faces;

  const float* data() const { return &vertices[0].x; }
  a2p::Topology topology() const {
    static const std::array<bool, 100000> kNoCap{};
    return {faces, {kNoCap.data(), faces.size()}, vertices};
  }
};

// A sphere of `rings` by 2 `rings` patches between two poles.
Mesh sphere(float radius, Vec3<float> centre, int rings) {
  Mesh mesh;
  const int segments = 2 * rings;
  mesh.vertices.push_back({centre.x, centre.y, centre.z + radius});
  for (int ring = 1; ring < rings; ++ring) {
    for (int segment = 0; segment < segments; ++segment) {
      const double polar = std::numbers::pi * ring / rings, azimuth = 2 * std::numbers::pi * segment / segments;
      mesh.vertices.push_back({centre.x + static_cast<float>(radius * std::sin(polar) * std::cos(azimuth)),
                               centre.y + static_cast<float>(radius * std::sin(polar) * std::sin(azimuth)),
                               centre.z + static_cast<float>(radius * std::cos(polar))});
    }
  }
  mesh.vertices.push_back({centre.x, centre.y, centre.z - radius});
  const int last = static_cast<int>(mesh.vertices.size()) - 1;
  const auto at = [&](int ring, int segment) { return 1 + (ring - 1) * segments + segment % segments; };
  for (int segment = 0; segment < segments; ++segment) {
    mesh.faces.push_back({0, at(1, segment), at(1, segment + 1)});
    mesh.faces.push_back({last, at(rings - 1, segment + 1), at(rings - 1, segment)});
    for (int ring = 1; ring + 1 < rings; ++ring) {
      mesh.faces.push_back({at(ring, segment), at(ring + 1, segment), at(ring + 1, segment + 1)});
      mesh.faces.push_back({at(ring, segment), at(ring + 1, segment + 1), at(ring, segment + 1)});
    }
  }
  return mesh;
}

// The cube from -half to half about the origin.
Mesh cube(float half) {
  Mesh mesh;
  for (int corner = 0; corner < 8; ++corner) {
    mesh.vertices.push_back({corner & 1 ? half : -half, corner & 2 ? half : -half, corner & 4 ? half : -half});
  }
  mesh.faces = {{0, 2, 3}, {0, 3, 1}, {4, 5, 7}, {4, 7, 6}, {0, 1, 5}, {0, 5, 4},
                {2, 6, 7}, {2, 7, 3}, {0, 4, 6}, {0, 6, 2}, {1, 3, 7}, {1, 7, 5}};
  return mesh;
}

struct Result {
  std::vector<double> loss;
  std::vector<float> depth_a, depth_b, gradient_a, gradient_b;
};

Result evaluate(const Mesh& a, const Mesh& b, int count, int threads) {
  const a2p::Topology ta = a.topology(), tb = b.topology();
  a2p::PairScratchPool pool([&] { return std::make_unique<a2p::PairScratch>(ta, tb); });
  std::vector<float> va, vb;
  for (int pair = 0; pair < count; ++pair) {
    va.insert(va.end(), a.data(), a.data() + 3 * a.vertices.size());
    vb.insert(vb.end(), b.data(), b.data() + 3 * b.vertices.size());
  }
  Result result{std::vector<double>(static_cast<std::size_t>(count)), std::vector<float>(va.size() / 3),
                std::vector<float>(vb.size() / 3), std::vector<float>(va.size()), std::vector<float>(vb.size())};
  a2p::penetrate_pairs(ta, tb, count, va.data(), vb.data(), {}, threads, pool, result.loss.data(),
                       {.depth_a = result.depth_a.data(),
                        .depth_b = result.depth_b.data(),
                        .gradient_a = result.gradient_a.data(),
                        .gradient_b = result.gradient_b.data()});
  return result;
}

void test_sphere_in_cube() {
  const Mesh ball = sphere(0.3f, {0.1f, 0, 0}, 12), box = cube(0.5f);
  const Result result = evaluate(ball, box, 1, 1);
  double loss = 0;
  for (std::size_t i = 0; i < ball.vertices.size(); ++i) {
    const Vec3<float>& p = ball.vertices[i];
    const double depth = 0.5 - std::max({std::abs(p.x), std::abs(p.y), std::abs(p.z)});
    loss += depth * depth / 2;
    A2P_CHECK(std::abs(result.depth_a[i] - depth) < 1e-7);
  }
  A2P_CHECK(std::abs(result.loss[0] - loss) < 1e-6 * loss);
  for (const float depth : result.depth_b) A2P_CHECK(depth == 0);
  for (int axis = 0; axis < 3; ++axis) {
    double sum = 0;
    for (std::size_t i = axis; i < result.gradient_a.size(); i += 3) sum += result.gradient_a[i];
    for (std::size_t i = axis; i < result.gradient_b.size(); i += 3) sum += result.gradient_b[i];
    A2P_CHECK(std::abs(sum) < 1e-5);
  }
}

void test_touching_and_apart() {
  const Mesh box = cube(0.5f);
  Mesh beside = box, away = box;
  for (Vec3<float>& p : beside.vertices) p.x += 1;
  for (Vec3<float>& p : away.vertices) p.x += 3;
  for (const Mesh* other : std::array<const Mesh*, 3>{&box, &beside, &away})
    A2P_CHECK(evaluate(box, *other, 1, 1).loss[0] == 0);
}

void test_threads_give_the_same_bits() {
  const Mesh ball = sphere(0.3f, {0.3f, 0.2f, 0.1f}, 10), box = cube(0.4f);
  for (const int count : {1, 7}) {
    const Result one = evaluate(ball, box, count, 1);
    for (const int threads : {2, 3, 8}) {
      const Result many = evaluate(ball, box, count, threads);
      A2P_CHECK(many.loss == one.loss && many.depth_a == one.depth_a && many.gradient_b == one.gradient_b);
    }
  }
}

void test_concurrent_calls() {
  const Mesh ball = sphere(0.3f, {0.3f, 0, 0}, 8), box = cube(0.4f);
  const Result expected = evaluate(ball, box, 2, 2);
  std::vector<Result> results(4);
  std::vector<std::thread> callers;
  for (Result& result : results) callers.emplace_back([&] { result = evaluate(ball, box, 2, 2); });
  for (std::thread& caller : callers) caller.join();
  for (const Result& result : results) A2P_CHECK(result.gradient_a == expected.gradient_a);
}

void test_rays_through_edges_and_corners() {
  const Mesh box = cube(0.5f);
  const a2p::Topology topology = box.topology();
  a2p::MeshScratchPool pool([&] { return std::make_unique<a2p::MeshScratch>(topology); });
  std::vector<Vec3<float>> points;
  for (int i = 0; i < 9 * 9 * 9; ++i) {
    points.push_back({0.25f * static_cast<float>(i % 9 - 4), 0.25f * static_cast<float>(i / 9 % 9 - 4),
                      0.25f * static_cast<float>(i / 81 - 4)});
  }
  std::vector<float> distance(points.size()), weights(3 * points.size());
  std::vector<std::int32_t> face(points.size());
  a2p::signed_distance(topology, {1, static_cast<std::int64_t>(points.size()), &points[0].x, box.data()}, 2, pool,
                       {distance.data(), face.data(), weights.data()});
  for (std::size_t i = 0; i < points.size(); ++i) {
    const double x = std::abs(points[i].x) - 0.5, y = std::abs(points[i].y) - 0.5, z = std::abs(points[i].z) - 0.5;
    const double outside = std::hypot(std::max(x, 0.0), std::max(y, 0.0), std::max(z, 0.0));
    A2P_CHECK(std::abs(distance[i] - (outside + std::min(std::max({x, y, z}), 0.0))) < 1e-7);
  }
}

void test_degenerate_triangles() {
  const Vec3<double> p{0.3, 1, 0}, a{0, 0, 0}, b{1, 0, 0};
  for (const Vec3<double>& c : {a, b, Vec3<double>{0.5, 0, 0}, Vec3<double>{2, 0, 0}}) {
    A2P_CHECK(std::abs(a2p::closest_on_triangle(p, a, b, c).squared_distance - 1) < 1e-15);
    A2P_CHECK(std::abs(a2p::closest_on_triangle(p, c, a, b).squared_distance - 1) < 1e-15);
  }
  A2P_CHECK(std::abs(a2p::closest_on_triangle(p, b, b, b).squared_distance - 1.49) < 1e-15);
}

}  // namespace

int main() {
  for (const a2p::Isa isa : a2p::runnable_isas()) {
    a2p::set_isa(isa);
    test_sphere_in_cube();
    test_touching_and_apart();
    test_threads_give_the_same_bits();
    test_concurrent_calls();
    test_rays_through_edges_and_corners();
  }
  test_degenerate_triangles();
  return a2p::tests::failures == 0 ? 0 : 1;
}
