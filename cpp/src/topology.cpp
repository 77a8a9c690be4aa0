#include "a2p/topology.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>
#include <queue>
#include <utility>

namespace a2p {
namespace {

using Point = std::array<double, 3>;
using Leaf = std::function<void(std::span<const std::int32_t>)>;

// Parts of no more leaves than these are taken to be one piece of surface, and are halved across their box.
constexpr std::size_t kLeavesTogether = 8;

// Lanes of the narrowest vector that a leaf's items may be read by.
constexpr std::size_t kNarrowestVector = 4;

constexpr double kUnreached = std::numeric_limits<double>::infinity();

// Items with places, and which of them are neighbours.
struct Graph {
  std::vector<Point> places;
  std::vector<std::int32_t> first;  // (item + 1) where its neighbours start
  std::vector<std::int32_t> neighbours;
  bool has_places = false;  // else all places are one, and a way is as long as it has steps
};

// `links` holds pairs of neighbours, in both directions.
Graph make_graph(std::vector<Point> places, std::vector<std::pair<std::int32_t, std::int32_t>> links) {
  std::sort(links.begin(), links.end());
  links.erase(std::unique(links.begin(), links.end()), links.end());
  Graph graph{std::move(places), {}, {}};
  graph.has_places = std::ranges::any_of(graph.places, [&](const Point& place) { return place != graph.places[0]; });
  graph.first.resize(graph.places.size() + 1);
  for (const auto& [from, to] : links) {
    ++graph.first[static_cast<std::size_t>(from) + 1];
    graph.neighbours.push_back(to);
  }
  std::partial_sum(graph.first.begin(), graph.first.end(), graph.first.begin());
  return graph;
}

double distance(const Point& a, const Point& b) { return std::hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]); }

// Groups items that lie near each other on the surface: two fingers side by side are far apart.
class Splitter {
 public:
  Splitter(const Graph& graph, std::size_t leaf_size)
      : graph_(graph), leaf_size_(leaf_size), part_(graph.places.size(), 0), way_(graph.places.size()) {}

  // Halves `items` until `leaf_size` are left, at a multiple of it, so that all leaves but one a branch are full: large
  // parts along the longest way over the surface, small ones along the longest side of their box. Ties go by index: the
  // same input gives the same leaves.
  void split(std::span<std::int32_t> items, const Leaf& leaf) {
    if (items.size() <= leaf_size_) {
      arrange(items);
      if (!items.empty()) leaf(items);
      return;
    }
    const bool is_one_piece = graph_.has_places && items.size() <= kLeavesTogether * leaf_size_;
    const std::size_t half = halve(items, leaf_size_, is_one_piece ? along_axis(items) : along_surface(items));
    split(items.first(half), leaf);
    split(items.subspan(half), leaf);
  }

 private:
  using Keys = std::vector<std::pair<double, std::int32_t>>;

  // Orders `items` so that those with lower keys come first, and returns where the second half starts: at a multiple of
  // `unit`.
  static std::size_t halve(std::span<std::int32_t> items, std::size_t unit, Keys keys) {
    const std::size_t half = (items.size() + unit - 1) / unit / 2 * unit;
    std::nth_element(keys.begin(), keys.begin() + static_cast<std::ptrdiff_t>(half), keys.end());
    for (std::size_t i = 0; i < items.size(); ++i) items[i] = keys[i].second;
    return half;
  }

  // Orders a leaf so that the items of any vector that it is cut into are near each other.
  void arrange(std::span<std::int32_t> items) const {
    if (items.size() <= kNarrowestVector || !graph_.has_places) {
      std::sort(items.begin(), items.end());
      return;
    }
    const std::size_t half = halve(items, kNarrowestVector, along_axis(items));
    arrange(items.first(half));
    arrange(items.subspan(half));
  }

  // Fills way_ for `items`, all of the current part (E. W. Dijkstra, Numerische Mathematik, 1959).
  void walk(std::span<const std::int32_t> items, std::int32_t start) {
    for (const std::int32_t item : items) way_[item] = kUnreached;
    way_[start] = 0;
    using Visit = std::pair<double, std::int32_t>;
    std::priority_queue<Visit, std::vector<Visit>, std::greater<>> queue;
    queue.emplace(0.0, start);
    while (!queue.empty()) {
      const auto [way, item] = queue.top();
      queue.pop();
      if (way > way_[item]) continue;
      for (std::int32_t i = graph_.first[item]; i < graph_.first[item + 1]; ++i) {
        const std::int32_t next = graph_.neighbours[i];
        if (part_[next] != part_count_) continue;
        const double longer = way + (graph_.has_places ? distance(graph_.places[item], graph_.places[next]) : 1.0);
        if (longer < way_[next]) queue.emplace(way_[next] = longer, next);
      }
    }
  }

  // Returns how much farther each item is from one end of the surface than from the other.
  Keys along_surface(std::span<const std::int32_t> items) {
    ++part_count_;
    for (const std::int32_t item : items) part_[item] = part_count_;
    const std::int32_t one_end = farthest(items, items[0]), other_end = farthest(items, one_end);
    Keys keys;  // way_ leads from one end now
    for (const std::int32_t item : items) keys.emplace_back(way_[item], item);
    walk(items, other_end);
    for (auto& [key, item] : keys) key = key == kUnreached ? key : key - way_[item];
    return keys;
  }

  // Returns where each item lies along the longest side of the items' box.
  Keys along_axis(std::span<const std::int32_t> items) const {
    Point lowest = graph_.places[items[0]], highest = lowest;
    for (const std::int32_t item : items) {
      for (int axis = 0; axis < 3; ++axis) {
        lowest[axis] = std::min(lowest[axis], graph_.places[item][axis]);
        highest[axis] = std::max(highest[axis], graph_.places[item][axis]);
      }
    }
    int longest = 0;
    for (int axis = 1; axis < 3; ++axis) {
      if (highest[axis] - lowest[axis] > highest[longest] - lowest[longest]) longest = axis;
    }
    Keys keys;
    for (const std::int32_t item : items) keys.emplace_back(graph_.places[item][longest], item);
    return keys;
  }

  // Returns the item that is reached last from `start`.
  std::int32_t farthest(std::span<const std::int32_t> items, std::int32_t start) {
    walk(items, start);
    std::int32_t last = start;
    for (const std::int32_t item : items) {
      if (way_[item] != kUnreached && way_[item] > way_[last]) last = item;
    }
    return last;
  }

  const Graph& graph_;
  std::size_t leaf_size_;
  std::vector<std::int32_t> part_;  // (item) the last part it belonged to
  std::vector<double> way_;         // (item) along neighbours from where the last walk started
  std::int32_t part_count_ = 0;
};

Point as_point(const Vec3<float>& v) { return {v.x, v.y, v.z}; }

std::array<std::int32_t, 3> corners_of(const Vec3<std::int32_t>& face) { return {face.x, face.y, face.z}; }

// Faces are neighbours if they share an edge.
Graph graph_of_faces(std::span<const Vec3<std::int32_t>> faces, std::span<const Point> points) {
  std::vector<Point> centres(faces.size());
  std::vector<std::array<std::int32_t, 3>> edges;  // lower vertex, higher vertex, face
  for (std::size_t face = 0; face < faces.size(); ++face) {
    const std::array<std::int32_t, 3> corners = corners_of(faces[face]);
    for (std::size_t k = 0; k < 3; ++k) {
      const auto [low, high] = std::minmax(corners[k], corners[(k + 1) % 3]);
      edges.push_back({low, high, static_cast<std::int32_t>(face)});
      for (std::size_t axis = 0; axis < 3; ++axis) centres[face][axis] += points[corners[k]][axis] / 3;
    }
  }
  std::sort(edges.begin(), edges.end());
  std::vector<std::pair<std::int32_t, std::int32_t>> links;
  for (std::size_t i = 1; i < edges.size(); ++i) {
    if (edges[i][0] != edges[i - 1][0] || edges[i][1] != edges[i - 1][1]) continue;
    links.emplace_back(edges[i - 1][2], edges[i][2]);
    links.emplace_back(edges[i][2], edges[i - 1][2]);
  }
  return make_graph(std::move(centres), std::move(links));
}

// Vertices are neighbours if they share a face.
Graph graph_of_vertices(std::span<const Vec3<std::int32_t>> faces, std::vector<Point> points) {
  std::vector<std::pair<std::int32_t, std::int32_t>> links;
  for (const Vec3<std::int32_t>& face : faces) {
    for (const std::int32_t a : corners_of(face)) {
      for (const std::int32_t b : corners_of(face)) {
        if (a != b) links.emplace_back(a, b);
      }
    }
  }
  return make_graph(std::move(points), std::move(links));
}

}  // namespace

Topology::Topology(std::span<const Vec3<std::int32_t>> faces, std::span<const bool> is_cap,
                   std::span<const Vec3<float>> rest_vertices)
    : face_count_(static_cast<std::int32_t>(faces.size())) {
  std::vector<Point> points(rest_vertices.size());
  std::transform(rest_vertices.begin(), rest_vertices.end(), points.begin(), as_point);
  std::vector<std::int32_t> surface, cap;
  for (std::size_t face = 0; face < faces.size(); ++face) {
    (is_cap[face] ? cap : surface).push_back(static_cast<std::int32_t>(face));
  }
  const Graph face_graph = graph_of_faces(faces, points);
  const Leaf append = [&](std::span<const std::int32_t> members) { append_cluster(members, faces); };
  Splitter(face_graph, kClusterSize).split(surface, append);
  surface_cluster_count_ = cluster_count();
  Splitter(face_graph, kClusterSize).split(cap, append);

  std::vector<std::int32_t> vertices(rest_vertices.size());
  std::iota(vertices.begin(), vertices.end(), 0);
  vertex_order_.reserve(vertices.size());
  const Graph vertex_graph = graph_of_vertices(faces, std::move(points));
  Splitter(vertex_graph, kClusterSize).split(vertices, [&](std::span<const std::int32_t> members) {
    vertex_order_.insert(vertex_order_.end(), members.begin(), members.end());
  });
}

void Topology::append_cluster(std::span<const std::int32_t> members, std::span<const Vec3<std::int32_t>> faces) {
  const auto face_of = [&](std::int32_t lane) {
    return members[std::min<std::size_t>(static_cast<std::size_t>(lane), members.size() - 1)];
  };
  for (const auto coordinate : {&Vec3<std::int32_t>::x, &Vec3<std::int32_t>::y, &Vec3<std::int32_t>::z}) {
    for (std::int32_t lane = 0; lane < kClusterSize; ++lane) corners_.push_back(3 * (faces[face_of(lane)].*coordinate));
  }
  for (std::int32_t lane = 0; lane < kClusterSize; ++lane) faces_.push_back(face_of(lane));
  lanes_.push_back(static_cast<std::uint16_t>((1u << members.size()) - 1u));
}

TopologyView Topology::view() const noexcept {
  return {.vertex_count = vertex_count(),
          .face_count = face_count_,
          .cluster_count = cluster_count(),
          .surface_cluster_count = surface_cluster_count_,
          .corners = corners_.data(),
          .faces = faces_.data(),
          .lanes = lanes_.data(),
          .vertex_order = vertex_order_.data()};
}

}  // namespace a2p
