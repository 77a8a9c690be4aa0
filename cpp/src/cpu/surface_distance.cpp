#include "a2p/surface_distance.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "a2p/closest_point.h"

namespace a2p {
namespace {

using Point = Vec3<double>;
using Triangle = std::array<Point, 3>;

constexpr double kFar = std::numeric_limits<double>::infinity();
constexpr std::size_t kLeafSize = 4;

Point lower(const Point& a, const Point& b) { return {std::min(a.x, b.x), std::min(a.y, b.y), std::min(a.z, b.z)}; }
Point upper(const Point& a, const Point& b) { return {std::max(a.x, b.x), std::max(a.y, b.y), std::max(a.z, b.z)}; }

struct Box {
  Point lowest{kFar, kFar, kFar}, highest{-kFar, -kFar, -kFar};

  void add(const Triangle& triangle) {
    for (const Point& corner : triangle) {
      lowest = lower(lowest, corner);
      highest = upper(highest, corner);
    }
  }
};

double squared_gap(const Box& a, const Box& b) {
  const Point gap = upper(upper(a.lowest - b.highest, b.lowest - a.highest), {0, 0, 0});
  return dot(gap, gap);
}

// A part of a tree: its triangles stand together, and its children, if it has any, one after the other.
struct Node {
  Box box;
  std::size_t first, last;
  std::size_t children = 0;
};

class Tree {
 public:
  explicit Tree(const TriangleMesh& mesh) {
    for (const Vec3<std::int64_t>& face : mesh.faces) {
      const auto corner = [&](std::int64_t index) { return mesh.vertices[static_cast<std::size_t>(index)]; };
      triangles_.push_back({corner(face.x), corner(face.y), corner(face.z)});
    }
    nodes_.push_back({{}, 0, triangles_.size()});
    for (std::size_t node = 0; node < nodes_.size(); ++node) split(node);
  }

  const Node& node(std::size_t index) const { return nodes_[index]; }
  const Triangle& triangle(std::size_t index) const { return triangles_[index]; }

 private:
  void split(std::size_t index) {
    Node node = nodes_[index];
    const auto begin = triangles_.begin() + static_cast<std::ptrdiff_t>(node.first),
               end = triangles_.begin() + static_cast<std::ptrdiff_t>(node.last);
    for (auto triangle = begin; triangle != end; ++triangle) node.box.add(*triangle);
    if (node.last - node.first > kLeafSize) {
      const Point side = node.box.highest - node.box.lowest;
      const auto axis = side.x >= side.y && side.x >= side.z ? &Point::x : side.y >= side.z ? &Point::y : &Point::z;
      const auto centre = [axis](const Triangle& t) { return t[0].*axis + t[1].*axis + t[2].*axis; };
      const std::size_t middle = std::midpoint(node.first, node.last);
      std::nth_element(begin, triangles_.begin() + static_cast<std::ptrdiff_t>(middle), end,
                       [&](const Triangle& t, const Triangle& u) { return centre(t) < centre(u); });
      node.children = nodes_.size();
      nodes_.push_back({{}, node.first, middle});
      nodes_.push_back({{}, middle, node.last});
    }
    nodes_[index] = node;
  }

  std::vector<Triangle> triangles_;
  std::vector<Node> nodes_;
};

// Method: C. Ericson, Real-Time Collision Detection, 2005, sec. 5.1.9.
double squared_between_edges(const Point& p0, const Point& p1, const Point& q0, const Point& q1) {
  const Point u = p1 - p0, v = q1 - q0, w = p0 - q0;
  const double uu = dot(u, u), vv = dot(v, v), uv = dot(u, v), uw = dot(u, w), vw = dot(v, w);
  const auto share = [](double numerator, double denominator) {
    return denominator > 0 ? std::clamp(numerator / denominator, 0.0, 1.0) : 0.0;
  };
  double s = share(uv * vw - uw * vv, uu * vv - uv * uv);
  const double t = share(uv * s + vw, vv);
  s = share(uv * t - uw, uu);
  const Point between = w + s * u - t * v;
  return dot(between, between);
}

// Returns whether the edge meets the triangle (T. Moeller and B. Trumbore, 1997).
bool pierces(const Point& start, const Point& end, const Triangle& triangle) {
  const Point along = end - start, ab = triangle[1] - triangle[0], ac = triangle[2] - triangle[0],
              offset = start - triangle[0];
  const Point normal = cross(ab, ac);
  const double slope = -dot(along, normal), sign = slope < 0 ? -1 : 1, size = std::abs(slope);
  const Point turn = cross(offset, along);
  const double height = dot(offset, normal) * sign, b = dot(ac, turn) * sign, c = -dot(ab, turn) * sign;
  return size > 0 && height >= 0 && height <= size && b >= 0 && c >= 0 && b + c <= size;
}

// The smallest distance of two triangles is from a corner to a face or between two edges, unless an edge pierces.
double squared_between(const Triangle& t, const Triangle& u) {
  double best = kFar;
  for (std::size_t i = 0; i < 3; ++i) {
    best = std::min(best, closest_on_triangle(t[i], u[0], u[1], u[2]).squared_distance);
    best = std::min(best, closest_on_triangle(u[i], t[0], t[1], t[2]).squared_distance);
    const Point &t0 = t[i], &t1 = t[(i + 1) % 3];
    for (std::size_t j = 0; j < 3; ++j) best = std::min(best, squared_between_edges(t0, t1, u[j], u[(j + 1) % 3]));
    if (pierces(t0, t1, u) || pierces(u[i], u[(i + 1) % 3], t)) return 0;
  }
  return best;
}

class Search {
 public:
  Search(const Tree& a, const Tree& b) : a_(a), b_(b) {}

  double squared() {
    visit(0, 0);
    return best_;
  }

 private:
  void visit(std::size_t in_a, std::size_t in_b) {
    const Node &a = a_.node(in_a), &b = b_.node(in_b);
    if (a.children == 0 && b.children == 0) {
      compare(a, b);
      return;
    }
    const bool splits_a = b.children == 0 || (a.children != 0 && a.last - a.first >= b.last - b.first);
    std::array<std::array<std::size_t, 2>, 2> parts;
    for (std::size_t k = 0; k < 2; ++k) {
      parts[k] = splits_a ? std::array{a.children + k, in_b} : std::array{in_a, b.children + k};
    }
    std::array<double, 2> gaps;
    for (std::size_t k = 0; k < 2; ++k) gaps[k] = squared_gap(a_.node(parts[k][0]).box, b_.node(parts[k][1]).box);
    const std::size_t nearer = gaps[1] < gaps[0] ? 1 : 0;
    for (const std::size_t k : {nearer, 1 - nearer}) {
      if (gaps[k] < best_) visit(parts[k][0], parts[k][1]);
    }
  }

  void compare(const Node& a, const Node& b) {
    for (std::size_t i = a.first; i < a.last; ++i) {
      Box box;
      box.add(a_.triangle(i));
      for (std::size_t j = b.first; j < b.last; ++j) {
        Box other;
        other.add(b_.triangle(j));
        if (squared_gap(box, other) < best_) best_ = std::min(best_, squared_between(a_.triangle(i), b_.triangle(j)));
      }
    }
  }

  const Tree &a_, &b_;
  double best_ = kFar;
};

}  // namespace

double surface_distance(const TriangleMesh& a, const TriangleMesh& b) {
  if (a.faces.empty() || b.faces.empty()) return kFar;
  const Tree tree_a(a), tree_b(b);
  return std::sqrt(Search(tree_a, tree_b).squared());
}

}  // namespace a2p
