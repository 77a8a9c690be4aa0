#include "a2p/vertex_criterion.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "a2p/depth_loss.h"
#include "a2p/isa.h"
#include "cpu/neighbour_kernel.h"

namespace a2p {
namespace {

using Point = Vec3<double>;

// Unit normals, faces weighted by their area; zero where no face has an area.
std::vector<Point> vertex_normals(const TriangleMesh& mesh) {
  std::vector<Point> normals(mesh.vertices.size());
  const auto at = [](auto& items, std::int64_t index) -> auto& { return items[static_cast<std::size_t>(index)]; };
  for (const Vec3<std::int64_t>& face : mesh.faces) {
    const Point &a = at(mesh.vertices, face.x), &b = at(mesh.vertices, face.y), &c = at(mesh.vertices, face.z);
    const Point normal = cross(b - a, c - a);
    for (const std::int64_t corner : {face.x, face.y, face.z}) at(normals, corner) += normal;
  }
  constexpr double kShortest = 1e-12;  // m^2, as torch.nn.functional.normalize has it
  for (Point& normal : normals) normal = (1 / std::max(std::sqrt(dot(normal, normal)), kShortest)) * normal;
  return normals;
}

// A mesh's vertices, coordinate by coordinate, and their nearest neighbours so far.
struct Side {
  explicit Side(const TriangleMesh& mesh)
      : mesh(mesh),
        normals(vertex_normals(mesh)),
        squared(mesh.vertices.size(), std::numeric_limits<double>::infinity()),
        nearest(mesh.vertices.size()) {
    for (const Point& p : mesh.vertices) {
      x.push_back(p.x);
      y.push_back(p.y);
      z.push_back(p.z);
    }
  }

  NeighbourRows rows() { return {x.data(), y.data(), z.data(), squared.data(), nearest.data(), std::ssize(x)}; }

  const TriangleMesh& mesh;
  std::vector<Point> normals;
  std::vector<double> x, y, z, squared, nearest;
};

double charge(const Side& side, const Side& other, const VertexCriterion& criterion, const VertexCollisions& out,
              const VertexCollisions& other_out) {
  const DepthLoss loss{DepthLossKind::kGmof, criterion.rho};
  double total = 0;
  for (std::size_t i = 0; i < side.x.size(); ++i) {
    const auto neighbour = static_cast<std::size_t>(side.nearest[i]);
    out.collides[i] = side.squared[i] < criterion.max_distance * criterion.max_distance &&
                      dot(side.normals[i], other.normals[neighbour]) < criterion.max_cosine;
    if (!out.collides[i]) continue;
    const Penalty charged = penalty(loss, side.squared[i]);
    const Point pull = charged.slope_over_depth * (side.mesh.vertices[i] - other.mesh.vertices[neighbour]);
    total += charged.value;
    out.gradient[i] += pull;
    other_out.gradient[neighbour] -= pull;
  }
  return total;
}

}  // namespace

double vertex_collisions(const TriangleMesh& a, const TriangleMesh& b, const VertexCriterion& criterion,
                         const VertexCollisions& of_a, const VertexCollisions& of_b) {
  Side side_a(a), side_b(b);
  A2P_DISPATCH(active_isa(), find_neighbours, side_a.rows(), side_b.rows());
  std::ranges::fill(of_a.gradient, Point{});
  std::ranges::fill(of_b.gradient, Point{});
  return charge(side_a, side_b, criterion, of_a, of_b) + charge(side_b, side_a, criterion, of_b, of_a);
}

}  // namespace a2p
