#include "a2p/topology.h"

#include <algorithm>
#include <array>
#include <functional>
#include <numeric>

namespace a2p {
namespace {

using Point = std::array<double, 3>;
using Leaf = std::function<void(std::span<const std::int32_t>)>;

// Splits across the longest side of the centres' box until `leaf_size` items are left, at a multiple of it, so that
// all leaves but one a branch are full. Equal coordinates go by index: the same input gives the same leaves.
void split(std::span<std::int32_t> items, std::span<const Point> centres, std::size_t leaf_size, const Leaf& leaf) {
  if (items.size() <= leaf_size) {
    std::sort(items.begin(), items.end());
    if (!items.empty()) leaf(items);
    return;
  }
  Point lowest = centres[items[0]], highest = lowest;
  for (const std::int32_t item : items) {
    for (int axis = 0; axis < 3; ++axis) {
      lowest[axis] = std::min(lowest[axis], centres[item][axis]);
      highest[axis] = std::max(highest[axis], centres[item][axis]);
    }
  }
  int longest = 0;
  for (int axis = 1; axis < 3; ++axis) {
    if (highest[axis] - lowest[axis] > highest[longest] - lowest[longest]) longest = axis;
  }
  const std::size_t leaves = (items.size() + leaf_size - 1) / leaf_size;
  const std::size_t half = leaves / 2 * leaf_size;
  std::nth_element(items.begin(), items.begin() + half, items.end(), [&](std::int32_t a, std::int32_t b) {
    return std::pair(centres[a][longest], a) < std::pair(centres[b][longest], b);
  });
  split(items.first(half), centres, leaf_size, leaf);
  split(items.subspan(half), centres, leaf_size, leaf);
}

Point as_point(const Vec3<float>& v) { return {v.x, v.y, v.z}; }

}  // namespace

Topology::Topology(std::span<const Vec3<std::int32_t>> faces, std::span<const bool> is_cap,
                   std::span<const Vec3<float>> rest_vertices)
    : face_count_(static_cast<std::int32_t>(faces.size())) {
  std::vector<Point> centres(faces.size());
  std::vector<std::int32_t> surface, cap;
  for (std::size_t face = 0; face < faces.size(); ++face) {
    for (const std::int32_t corner : {faces[face].x, faces[face].y, faces[face].z}) {
      const Point point = as_point(rest_vertices[corner]);
      for (int axis = 0; axis < 3; ++axis) centres[face][axis] += point[axis] / 3;
    }
    (is_cap[face] ? cap : surface).push_back(static_cast<std::int32_t>(face));
  }
  const Leaf append = [&](std::span<const std::int32_t> members) { append_cluster(members, faces); };
  split(surface, centres, kClusterSize, append);
  surface_cluster_count_ = cluster_count();
  split(cap, centres, kClusterSize, append);

  std::vector<Point> points(rest_vertices.size());
  std::transform(rest_vertices.begin(), rest_vertices.end(), points.begin(), as_point);
  std::vector<std::int32_t> vertices(rest_vertices.size());
  std::iota(vertices.begin(), vertices.end(), 0);
  vertex_order_.reserve(vertices.size());
  split(vertices, points, 1, [&](std::span<const std::int32_t> one) { vertex_order_.push_back(one[0]); });
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
