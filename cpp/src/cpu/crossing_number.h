// The winding number of a closed posed mesh about a point, by counting the faces that a vertical ray crosses.
// Kernel sources only, compiled without contraction.
#pragma once
#include "a2p/crossing.h"
#include "cpu/lanes.h"
#include "cpu/posed_mesh.h"
#include "cpu/refit.h"

namespace a2p::A2P_ISA_NAMESPACE {

// Rays go up or down, whichever leaves the mesh's box sooner; the count is the same.
struct Ray {
  Vec3<float> origin;
  bool is_up;
};

// Returns the winding number's part for `leaving` and `entering` faces, of which those in `above` are higher.
inline std::int32_t count_crossings(std::uint32_t leaving, std::uint32_t entering, std::uint32_t above, bool is_up) {
  const auto count = [](std::uint32_t set) { return __builtin_popcount(set); };
  return is_up ? count(leaving & above) - count(entering & above) : count(entering & ~above) - count(leaving & ~above);
}

// The same as crossing_of_cluster, exactly, a face at a time.
inline std::int32_t exact_crossing_of_cluster(const PosedMesh& mesh, std::int32_t cluster, const Ray& ray) {
  const float* rows = mesh.corners + cluster * 9 * kClusterSize;
  const std::int32_t* offsets = mesh.topology.corners + cluster * 3 * kClusterSize;
  std::uint32_t leaving = 0, entering = 0, above = 0;
  for (int lane = 0; lane < kClusterSize; ++lane) {
    if ((mesh.topology.lanes[cluster] >> lane & 1) == 0) continue;
    Vec3<float> corners[3];
    int indices[3];
    for (int corner = 0; corner < 3; ++corner) {
      const float* row = rows + 3 * corner * kClusterSize + lane;
      corners[corner] = {row[0], row[kClusterSize], row[2 * kClusterSize]};
      indices[corner] = offsets[corner * kClusterSize + lane];
    }
    const Crossing crossing = cross_face(ray.origin, corners, indices);
    leaving |= std::uint32_t{crossing.direction > 0} << lane;
    entering |= std::uint32_t{crossing.direction < 0} << lane;
    above |= std::uint32_t{crossing.is_above} << lane;
  }
  return count_crossings(leaving, entering, above, ray.is_up);
}

// Returns the signed count of the cluster's faces that the ray crosses. Where rounding could decide a sign, the
// cluster is decided exactly; so neighbours never disagree about their common edge. Requires the ray's origin in
// the column of the cluster's box.
inline std::int32_t crossing_of_cluster(const PosedMesh& mesh, std::int32_t cluster, const Ray& ray) {
  const float* rows = mesh.corners + cluster * 9 * kClusterSize;
  const ClusterBox& box = mesh.boxes[cluster];
  const Lanes px = Lanes::all(ray.origin.x), py = Lanes::all(ray.origin.y), pz = Lanes::all(ray.origin.z);
  const Lanes zero = Lanes::all(0), edge_tolerance = Lanes::all(box.edge_tolerance);
  std::int32_t count = 0;
  for (int lane = 0; lane < kClusterSize; lane += Lanes::kWidth) {
    const auto row = [&](int index) { return Lanes::load(rows + index * kClusterSize + lane); };
    const std::uint32_t real = mesh.topology.lanes[cluster] >> lane;
    const Lanes x0 = row(0) - px, y0 = row(1) - py, x1 = row(3) - px, y1 = row(4) - py, x2 = row(6) - px,
                y2 = row(7) - py;
    const Lanes e0 = x0 * y1 - y0 * x1, e1 = x1 * y2 - y1 * x2, e2 = x2 * y0 - y2 * x0;
    const LaneMask is_near = min(min(abs(e0), abs(e1)), abs(e2)) <= edge_tolerance;
    if ((bits(is_near) & real) != 0) return exact_crossing_of_cluster(mesh, cluster, ray);
    const std::uint32_t leaving = bits(zero < min(min(e0, e1), e2)) & real;
    const std::uint32_t entering = bits(max(max(e0, e1), e2) < zero) & real;
    if ((leaving | entering) == 0) continue;
    const Lanes height = fma(e1, row(2) - pz, fma(e2, row(5) - pz, e0 * (row(8) - pz)));
    const std::uint32_t is_close = bits(abs(height) <= Lanes::all(box.height_tolerance));
    if ((is_close & (leaving | entering)) != 0) return exact_crossing_of_cluster(mesh, cluster, ray);
    const std::uint32_t positive = bits(zero < height);
    count += count_crossings(leaving, entering, (leaving & positive) | (entering & ~positive), ray.is_up);
  }
  return count;
}

// Returns the winding number of the mesh about p. Requires p strictly inside the mesh's bounding box.
inline std::int32_t crossing_number(const PosedMesh& mesh, const Vec3<float>& p) {
  const Ray ray{p, p.z - mesh.lowest[2] > mesh.highest[2] - p.z};
  const std::int32_t words = mesh.word_count, table = kSlabs * words;
  const std::int32_t slab_x = slab_of(mesh, 0, p.x) * words, slab_y = slab_of(mesh, 1, p.y) * words + table;
  const std::uint64_t* half_line = (ray.is_up ? mesh.ends : mesh.starts) + slab_of(mesh, 2, p.z) * words + 2 * table;
  std::int32_t count = 0;
  for (std::int32_t word = 0; word < words; ++word) {
    std::uint64_t clusters = mesh.starts[slab_x + word] & mesh.ends[slab_x + word] & mesh.starts[slab_y + word] &
                             mesh.ends[slab_y + word] & half_line[word];
    for (; clusters != 0; clusters &= clusters - 1) {
      const std::int32_t cluster = 64 * word + __builtin_ctzll(clusters);
      const ClusterBox& box = mesh.boxes[cluster];
      const bool is_in_column = p.x >= box.lowest[0] && p.x <= box.highest[0] && p.y >= box.lowest[1] &&
                                p.y <= box.highest[1] && (ray.is_up ? p.z <= box.highest[2] : p.z >= box.lowest[2]);
      if (is_in_column) count += crossing_of_cluster(mesh, cluster, ray);
    }
  }
  return count;
}

}  // namespace a2p::A2P_ISA_NAMESPACE
