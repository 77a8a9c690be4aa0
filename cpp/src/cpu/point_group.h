// Sixteen neighbouring points, which share the work of deciding what is near them. Kernel sources only, compiled
// without contraction.
#pragma once
#include "cpu/crossing_number.h"
#include "cpu/lanes.h"
#include "cpu/posed_mesh.h"

namespace a2p::A2P_ISA_NAMESPACE {

struct PointGroup {
  static constexpr int kSize = 16;

  alignas(64) float x[kSize], y[kSize], z[kSize];
  float lowest[3], highest[3];

  Vec3<float> point(int i) const { return {x[i], y[i], z[i]}; }
};

// Reads the points that start at `offsets`, of which there are `count`, at least one; the last fills up the group.
inline PointGroup gather_group(const float* points, const std::int32_t* indices, std::int32_t count) {
  PointGroup group;
  for (int i = 0; i < PointGroup::kSize; ++i) {
    const float* point = points + 3 * indices[i < count ? i : count - 1];
    group.x[i] = point[0];
    group.y[i] = point[1];
    group.z[i] = point[2];
  }
  const float* rows[3] = {group.x, group.y, group.z};
  for (int axis = 0; axis < 3; ++axis) {
    Lanes low = Lanes::load(rows[axis]), high = low;
    for (int lane = Lanes::kWidth; lane < PointGroup::kSize; lane += Lanes::kWidth) {
      const Lanes values = Lanes::load(rows[axis] + lane);
      low = min(low, values);
      high = max(high, values);
    }
    group.lowest[axis] = a2p::A2P_ISA_NAMESPACE::lowest(low);
    group.highest[axis] = a2p::A2P_ISA_NAMESPACE::highest(high);
  }
  return group;
}

// Returns, one bit each, the points strictly inside the box.
inline std::uint32_t points_inside(const PointGroup& group, const float (&low)[3], const float (&high)[3]) {
  const float* rows[3] = {group.x, group.y, group.z};
  std::uint32_t inside = 0;
  for (int lane = 0; lane < PointGroup::kSize; lane += Lanes::kWidth) {
    std::uint32_t part = (1u << Lanes::kWidth) - 1;
    for (int axis = 0; axis < 3; ++axis) {
      const Lanes values = Lanes::load(rows[axis] + lane);
      part &= bits((Lanes::all(low[axis]) < values) & (values < Lanes::all(high[axis])));
    }
    inside |= part << lane;
  }
  return inside;
}

// Returns, one bit each, the points whose ray passes the cluster's box.
inline std::uint32_t points_in_column(const PointGroup& group, const ClusterBox& box, bool is_up) {
  std::uint32_t inside = 0;
  for (int lane = 0; lane < PointGroup::kSize; lane += Lanes::kWidth) {
    const Lanes x = Lanes::load(group.x + lane), y = Lanes::load(group.y + lane), z = Lanes::load(group.z + lane);
    const LaneMask beside = (Lanes::all(box.lowest[0]) <= x) & (x <= Lanes::all(box.highest[0])) &
                            (Lanes::all(box.lowest[1]) <= y) & (y <= Lanes::all(box.highest[1]));
    const LaneMask ahead = is_up ? z <= Lanes::all(box.highest[2]) : Lanes::all(box.lowest[2]) <= z;
    inside |= bits(beside & ahead) << lane;
  }
  return inside;
}

// Where the sets of clusters that reach into a group's box stand, per axis: those that start before its end and those
// that end after its start.
struct GroupSlabs {
  const std::uint64_t *starts[3], *ends[3];
};

inline GroupSlabs slabs_of(const PosedMesh& mesh, const PointGroup& group) {
  const std::int32_t words = mesh.word_count, table = kSlabs * words;
  GroupSlabs slabs;
  for (int axis = 0; axis < 3; ++axis) {
    slabs.starts[axis] = mesh.starts + axis * table + slab_of(mesh, axis, group.highest[axis]) * words;
    slabs.ends[axis] = mesh.ends + axis * table + slab_of(mesh, axis, group.lowest[axis]) * words;
  }
  return slabs;
}

inline bool boxes_meet(const ClusterBox& box, const PointGroup& group) {
  bool meet = true;
  for (int axis = 0; axis < 3; ++axis) {
    meet = meet && box.lowest[axis] <= group.highest[axis] && group.lowest[axis] <= box.highest[axis];
  }
  return meet;
}

// Returns whether the group's box holds no surface of the mesh, so that the winding number is the same all over it.
inline bool is_clear(const PosedMesh& mesh, const PointGroup& group, const GroupSlabs& slabs) {
  for (std::int32_t word = 0; word < mesh.word_count; ++word) {
    std::uint64_t clusters = slabs.starts[0][word] & slabs.ends[0][word] & slabs.starts[1][word] & slabs.ends[1][word] &
                             slabs.starts[2][word] & slabs.ends[2][word];
    for (; clusters != 0; clusters &= clusters - 1) {
      if (boxes_meet(mesh.boxes[64 * word + __builtin_ctzll(clusters)], group)) return false;
    }
  }
  return true;
}

// Returns, one bit each, those of the `asked` points about which the mesh winds a positive number of times. Requires
// asked points strictly inside the mesh's bounding box.
inline std::uint32_t points_wound(const PosedMesh& mesh, const PointGroup& group, std::uint32_t asked) {
  const GroupSlabs slabs = slabs_of(mesh, group);
  if (is_clear(mesh, group, slabs)) {
    return crossing_number(mesh, group.point(__builtin_ctz(asked))) > 0 ? asked : 0;
  }
  const bool is_up = group.lowest[2] - mesh.lowest[2] > mesh.highest[2] - group.highest[2];
  const std::uint64_t* half_line = is_up ? slabs.ends[2] : slabs.starts[2];
  std::int32_t winding[PointGroup::kSize] = {};
  for (std::int32_t word = 0; word < mesh.word_count; ++word) {
    std::uint64_t clusters =
        slabs.starts[0][word] & slabs.ends[0][word] & slabs.starts[1][word] & slabs.ends[1][word] & half_line[word];
    for (; clusters != 0; clusters &= clusters - 1) {
      const std::int32_t cluster = 64 * word + __builtin_ctzll(clusters);
      std::uint32_t met = asked & points_in_column(group, mesh.boxes[cluster], is_up);
      for (; met != 0; met &= met - 1) {
        const int i = __builtin_ctz(met);
        winding[i] += crossing_of_cluster(mesh, cluster, {group.point(i), is_up});
      }
    }
  }
  std::uint32_t wound = 0;
  for (int i = 0; i < PointGroup::kSize; ++i) wound |= std::uint32_t{winding[i] > 0} << i;
  return wound & asked;
}

}  // namespace a2p::A2P_ISA_NAMESPACE
