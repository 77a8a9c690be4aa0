// Compiled without contraction: edge functions are exactly antisymmetric, so that faces never disagree about an edge.
#include "a2p/intersection_volume.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

namespace a2p {
namespace {

struct Box {
  Vec3<double> lowest, highest;
};

Box box_of(const TriangleMesh& mesh) {
  constexpr double kFar = std::numeric_limits<double>::infinity();
  Box box{{kFar, kFar, kFar}, {-kFar, -kFar, -kFar}};
  for (const Vec3<double>& p : mesh.vertices) {
    box.lowest = {std::min(box.lowest.x, p.x), std::min(box.lowest.y, p.y), std::min(box.lowest.z, p.z)};
    box.highest = {std::max(box.highest.x, p.x), std::max(box.highest.y, p.y), std::max(box.highest.z, p.z)};
  }
  return box;
}

// Where a mesh's surface crosses a column, and how its winding number changes there along +z.
struct Crossing {
  double height;
  std::int32_t column;
  std::int8_t of_a, of_b;
};

// Columns over the x and y of a box.
struct Lattice {
  Lattice(const Box& box, std::int64_t columns)
      : columns(columns),
        low_x(box.lowest.x),
        low_y(box.lowest.y),
        step_x((box.highest.x - box.lowest.x) / static_cast<double>(columns)),
        step_y((box.highest.y - box.lowest.y) / static_cast<double>(columns)) {}

  double x(std::int64_t i) const { return low_x + (static_cast<double>(i) + 0.5) * step_x; }
  double y(std::int64_t i) const { return low_y + (static_cast<double>(i) + 0.5) * step_y; }

  std::int64_t columns;
  double low_x, low_y, step_x, step_y;
};

struct Range {
  std::int64_t first, last;
};

// Returns the lattice's lines from `low` to `high`, with room for rounding.
Range lines(double low, double high, double origin, double step, std::int64_t count) {
  constexpr double kRoom = 1e-6;  // of a step
  const double first = std::ceil((low - origin) / step - 0.5 - kRoom),
               last = std::floor((high - origin) / step - 0.5 + kRoom);
  return {static_cast<std::int64_t>(std::clamp(first, 0.0, static_cast<double>(count))),
          static_cast<std::int64_t>(std::clamp(last, -1.0, static_cast<double>(count - 1)))};
}

// The edge from a to b, as seen from columns.
struct Edge {
  Edge(const Vec3<double>& a, std::int64_t index_a, const Vec3<double>& b, std::int64_t index_b)
      : a(a),
        b(b),
        on_line_is_left(a.y != b.y   ? a.y > b.y
                        : a.x != b.x ? a.x < b.x
                                     : index_a < index_b) {}

  double at(double x, double y) const { return (a.x - x) * (b.y - y) - (a.y - y) * (b.x - x); }
  bool is_left(double value) const { return value > 0 || (value == 0 && on_line_is_left); }

  Vec3<double> a, b;
  bool on_line_is_left;  // the answer for a point on the edge's line, moved by (e, e^2)
};

class Collector {
 public:
  // Above `ceiling` nothing is shared.
  Collector(const Lattice& lattice, double ceiling, std::vector<Crossing>& crossings)
      : lattice_(lattice), ceiling_(ceiling), crossings_(crossings) {}

  void add(const TriangleMesh& mesh, bool is_a) {
    for (const Vec3<std::int64_t>& face : mesh.faces) add_face(mesh, face, is_a);
  }

 private:
  void add_face(const TriangleMesh& mesh, const Vec3<std::int64_t>& face, bool is_a) {
    const std::array<std::int64_t, 3> index{face.x, face.y, face.z};
    if (index[0] == index[1] && index[1] == index[2]) return;
    const auto corner = [&](std::size_t k) -> const Vec3<double>& {
      return mesh.vertices[static_cast<std::size_t>(index[k % 3])];
    };
    const auto edge = [&](std::size_t k) { return Edge(corner(k), index[k % 3], corner(k + 1), index[(k + 1) % 3]); };
    const std::array<Edge, 3> edges{edge(0), edge(1), edge(2)};
    const auto [low_x, high_x] = std::minmax({corner(0).x, corner(1).x, corner(2).x});
    if (std::min({corner(0).z, corner(1).z, corner(2).z}) > ceiling_) return;
    const auto [low_y, high_y] = std::minmax({corner(0).y, corner(1).y, corner(2).y});
    const Range across = lines(low_x, high_x, lattice_.low_x, lattice_.step_x, lattice_.columns);
    const Range along = lines(low_y, high_y, lattice_.low_y, lattice_.step_y, lattice_.columns);
    for (std::int64_t i = across.first; i <= across.last; ++i) {
      for (std::int64_t j = along.first; j <= along.last; ++j) {
        const double x = lattice_.x(i), y = lattice_.y(j);
        const std::array<double, 3> at{edges[0].at(x, y), edges[1].at(x, y), edges[2].at(x, y)};
        const int left = edges[0].is_left(at[0]) + edges[1].is_left(at[1]) + edges[2].is_left(at[2]);
        if (left != 0 && left != 3) continue;
        const double area = at[0] + at[1] + at[2];  // zero for a face seen edge on, whose crossings cancel
        const double height =
            area == 0 ? corner(0).z : (at[1] * corner(0).z + at[2] * corner(1).z + at[0] * corner(2).z) / area;
        const auto change = static_cast<std::int8_t>(left == 3 ? -1 : 1);
        crossings_.push_back({height, static_cast<std::int32_t>(i * lattice_.columns + j),
                              is_a ? change : std::int8_t{0}, is_a ? std::int8_t{0} : change});
      }
    }
  }

  const Lattice& lattice_;
  double ceiling_;
  std::vector<Crossing>& crossings_;
};

// Returns the crossings column by column, each column's by ascending height.
std::vector<Crossing> by_column(const std::vector<Crossing>& crossings, std::int64_t column_count) {
  std::vector<std::size_t> ends(static_cast<std::size_t>(column_count) + 1);
  for (const Crossing& crossing : crossings) ++ends[static_cast<std::size_t>(crossing.column) + 1];
  std::partial_sum(ends.begin(), ends.end(), ends.begin());
  const std::vector<std::size_t> starts = ends;
  std::vector<Crossing> sorted(crossings.size());
  for (const Crossing& crossing : crossings) {
    const auto column = static_cast<std::size_t>(crossing.column);
    std::size_t place = ends[column]++;
    for (; place > starts[column] && sorted[place - 1].height > crossing.height; --place) {
      sorted[place] = sorted[place - 1];
    }
    sorted[place] = crossing;
  }
  return sorted;
}

}  // namespace

double intersection_volume(const TriangleMesh& a, const TriangleMesh& b, std::int64_t columns) {
  const Box of_a = box_of(a), of_b = box_of(b);
  const Box shared{{std::max(of_a.lowest.x, of_b.lowest.x), std::max(of_a.lowest.y, of_b.lowest.y),
                    std::max(of_a.lowest.z, of_b.lowest.z)},
                   {std::min(of_a.highest.x, of_b.highest.x), std::min(of_a.highest.y, of_b.highest.y),
                    std::min(of_a.highest.z, of_b.highest.z)}};
  if (!(shared.lowest.x < shared.highest.x && shared.lowest.y < shared.highest.y &&
        shared.lowest.z < shared.highest.z)) {
    return 0;
  }
  const Lattice lattice(shared, columns);
  std::vector<Crossing> crossings;
  Collector collector(lattice, shared.highest.z, crossings);
  collector.add(a, true);
  collector.add(b, false);
  const std::vector<Crossing> sorted = by_column(crossings, columns * columns);
  double length = 0;
  std::int32_t in_a = 0, in_b = 0;
  for (std::size_t i = 0; i + 1 < sorted.size(); ++i) {
    const bool is_first = i == 0 || sorted[i].column != sorted[i - 1].column;
    in_a = (is_first ? 0 : in_a) + sorted[i].of_a;
    in_b = (is_first ? 0 : in_b) + sorted[i].of_b;
    const bool is_shared = in_a > 0 && in_b > 0 && sorted[i + 1].column == sorted[i].column;
    if (is_shared) length += sorted[i + 1].height - sorted[i].height;
  }
  return length * lattice.step_x * lattice.step_y;
}

}  // namespace a2p
