// Shared volume, surface distance, winding numbers and the vertex criterion of boxes, for the sanitizers too.
#include <array>
#include <cmath>
#include <vector>

#include "a2p/intersection_volume.h"
#include "a2p/isa.h"
#include "a2p/surface_distance.h"
#include "a2p/vertex_criterion.h"
#include "a2p/winding_number.h"
#include "check.h"

namespace {

using a2p::Vec3;

struct Box {
  Box(double half, const Vec3<double>& centre) {
    for (int corner = 0; corner < 8; ++corner) {
      vertices.push_back(centre +
                         Vec3<double>{corner & 1 ? half : -half, corner & 2 ? half : -half, corner & 4 ? half : -half});
    }
  }
  a2p::TriangleMesh mesh() const { return {vertices, kFaces}; }

  static constexpr std::array<Vec3<std::int64_t>, 12> kFaces{{{0, 2, 3},
                                                              {0, 3, 1},
                                                              {4, 5, 7},
                                                              {4, 7, 6},
                                                              {0, 1, 5},
                                                              {0, 5, 4},
                                                              {2, 6, 7},
                                                              {2, 7, 3},
                                                              {0, 4, 6},
                                                              {0, 6, 2},
                                                              {1, 3, 7},
                                                              {1, 7, 5}}};
  std::vector<Vec3<double>> vertices;
};

bool is_close(double actual, double expected) { return std::abs(actual - expected) <= 1e-12; }

void test_shared_volume() {
  const Box box(0.5, {}), inner(0.25, {}), beside(0.5, {1, 0, 0}), shifted(0.5, {0.5, 0.25, 0.125});
  A2P_CHECK(is_close(a2p::intersection_volume(box.mesh(), box.mesh(), 16), 1));
  A2P_CHECK(is_close(a2p::intersection_volume(box.mesh(), inner.mesh(), 7), 0.125));
  A2P_CHECK(a2p::intersection_volume(box.mesh(), beside.mesh(), 16) == 0);
  A2P_CHECK(is_close(a2p::intersection_volume(box.mesh(), shifted.mesh(), 1), 0.5 * 0.75 * 0.875));
}

void test_surface_distance() {
  const Box box(0.5, {}), inner(0.25, {}), beside(0.5, {1, 0, 0}), away(0.5, {2, 2, 2}), crossing(0.5, {0.3, 0.2, 0.1});
  A2P_CHECK(is_close(a2p::surface_distance(box.mesh(), inner.mesh()), 0.25));
  A2P_CHECK(a2p::surface_distance(box.mesh(), beside.mesh()) == 0);
  A2P_CHECK(a2p::surface_distance(box.mesh(), crossing.mesh()) == 0);
  A2P_CHECK(is_close(a2p::surface_distance(box.mesh(), away.mesh()), std::sqrt(3.0)));
  A2P_CHECK(std::isinf(a2p::surface_distance(box.mesh(), {box.vertices, {}})));
}

void test_winding_number() {
  const Box box(0.5, {});
  const std::vector<Vec3<double>> points{{},        {0.4, 0.3, 0.2}, {0.7, 0, 0},  {0, 0, -3},        {0.1, 0.2, 0.3},
                                         {1, 1, 1}, {0, 0.45, 0},    {0, 0.55, 0}, {0.49, 0.49, 0.49}};
  const std::array<double, 9> expected{1, 1, 0, 0, 1, 0, 1, 0, 1};
  for (const int threads : {1, 3}) {
    std::vector<double> winding(points.size());
    a2p::winding_number(box.mesh(), points, threads, winding);
    for (std::size_t i = 0; i < points.size(); ++i) A2P_CHECK(is_close(winding[i], expected[i]));
    a2p::winding_number({box.vertices, std::span(Box::kFaces).subspan(2)}, {points.data(), 1}, threads, winding);
    A2P_CHECK(is_close(winding[0], 5.0 / 6));
  }
}

void test_vertex_criterion() {
  const Box box(0.5, {}), beside(0.5, {1.001, 0, 0});
  std::array<bool, 8> collides_a, collides_b;
  std::array<Vec3<double>, 8> gradient_a, gradient_b;
  // With two triangles a side, the normals of two of the four corners that face each other have cosine 0, of two 0.5.
  const double loss = a2p::vertex_collisions(box.mesh(), beside.mesh(), {5e-3, 0.3, 1e-2}, {collides_a, gradient_a},
                                             {collides_b, gradient_b});
  const double penalty = 1e-6 / (1e-6 + 1e-4);
  int colliding = 0;
  Vec3<double> sum;
  for (std::size_t i = 0; i < 8; ++i) {
    colliding += collides_a[i] + collides_b[i];
    A2P_CHECK(!collides_a[i] || box.vertices[i].x > 0);
    sum += gradient_a[i] + gradient_b[i];
  }
  A2P_CHECK(colliding == 4 && std::abs(loss - colliding * penalty) < 1e-9);
  A2P_CHECK(is_close(sum.x, 0) && is_close(sum.y, 0) && is_close(sum.z, 0));
}

}  // namespace

int main() {
  for (const a2p::Isa isa : a2p::runnable_isas()) {
    a2p::set_isa(isa);
    test_shared_volume();
    test_winding_number();
    test_vertex_criterion();
  }
  test_surface_distance();
  return a2p::tests::failures == 0 ? 0 : 1;
}
