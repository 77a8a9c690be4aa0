#include <algorithm>
#include <bit>
#include <numeric>
#include <tuple>
#include <utility>

#include "a2p/skinning.h"

namespace a2p {
namespace {

// The joints that move a vertex, one bit each: by pose blend shapes, and by skinning weights.
struct JointMask {
  std::uint32_t pose = 0;
  std::uint32_t skin = 0;

  friend auto operator<=>(const JointMask&, const JointMask&) = default;
};

JointMask mask_of(const HandModelArrays& arrays, std::size_t vertex) {
  JointMask mask;
  for (std::size_t axis = 0; axis < 3; ++axis) {
    const float* columns = &arrays.posedirs[(3 * vertex + axis) * kPoseFeatureCount];
    for (int column = 0; column < kPoseFeatureCount; ++column) {
      if (columns[column] != 0.0F) mask.pose |= 1U << (column / 9);
    }
  }
  for (int joint = 0; joint < kJointCount; ++joint) {
    if (arrays.weights[kJointCount * vertex + joint] != 0.0F) mask.skin |= 1U << joint;
  }
  return mask;
}

// Returns, for each vertex, a number that is alike for vertices near each other: the bits of x, y and z in turn
// (G. M. Morton, 1966). A gradient that is zero but on a patch is then zero on most blocks.
std::vector<std::uint32_t> places_of(std::span<const float> points) {
  constexpr std::uint32_t kBits = 10;
  std::vector<std::uint32_t> places(points.size() / 3);
  const auto [low, high] = std::minmax_element(points.begin(), points.end());
  const float scale = points.empty() || *high <= *low ? 0.0F : static_cast<float>((1U << kBits) - 1) / (*high - *low);
  for (std::size_t i = 0; i < points.size(); ++i) {
    const auto cell = static_cast<std::uint32_t>((points[i] - *low) * scale);
    for (std::uint32_t bit = 0; bit < kBits; ++bit) places[i / 3] |= (cell >> bit & 1U) << (3 * bit + i % 3);
  }
  return places;
}

// Fills `joints` with the numbers of the set bits and returns how many there are.
std::int32_t list_bits(std::uint32_t bits, std::int8_t* joints) {
  std::int32_t count = 0;
  for (; bits != 0; bits &= bits - 1) joints[count++] = static_cast<std::int8_t>(std::countr_zero(bits));
  return count;
}

// Appends the lanes of `block`, whose vertices and joints are set.
void append_lanes(const HandModelArrays& arrays, SkinningBlock& block, std::vector<SkinningLanes>& lanes) {
  block.first_lanes = static_cast<std::int64_t>(lanes.size());
  const auto append = [&](auto value_of) {
    SkinningLanes& appended = lanes.emplace_back();
    for (int lane = 0; lane < block.vertex_count; ++lane) {
      appended.lane[lane] = value_of(static_cast<std::size_t>(block.vertices[lane]));
    }
  };
  const auto append_point = [&](std::span<const float> source, int columns, int column) {
    for (int axis = 0; axis < 3; ++axis) {
      append([&](std::size_t vertex) { return source[(3 * vertex + axis) * columns + column]; });
    }
  };
  append_point(arrays.v_template, 1, 0);
  for (int beta = 0; beta < kBetaCount; ++beta) append_point(arrays.shapedirs, kBetaCount, beta);
  for (int slot = 0; slot < block.pose_joint_count; ++slot) {
    for (int entry = 0; entry < 9; ++entry) {
      append_point(arrays.posedirs, kPoseFeatureCount, 9 * block.pose_joints[slot] + entry);
    }
  }
  for (int slot = 0; slot < block.skin_joint_count; ++slot) {
    append([&](std::size_t vertex) { return arrays.weights[kJointCount * vertex + block.skin_joints[slot]]; });
  }
}

}  // namespace

SkinningModel::SkinningModel(const HandModelArrays& arrays)
    : vertex_count_(static_cast<std::int64_t>(arrays.v_template.size() / 3)) {
  std::copy(arrays.parents.begin(), arrays.parents.end(), parents_);
  std::copy(arrays.joint_template.begin(), arrays.joint_template.end(), joint_template_);
  std::copy(arrays.joint_shapedirs.begin(), arrays.joint_shapedirs.end(), joint_shapedirs_);

  const auto count = static_cast<std::size_t>(vertex_count_);
  std::vector<JointMask> masks(count);
  for (std::size_t vertex = 0; vertex < count; ++vertex) masks[vertex] = mask_of(arrays, vertex);
  std::vector<std::int32_t> order(count);
  std::iota(order.begin(), order.end(), 0);
  const std::vector<std::uint32_t> places = places_of(arrays.v_template);
  std::sort(order.begin(), order.end(), [&](std::int32_t a, std::int32_t b) {
    return std::tuple(masks[a], places[a], a) < std::tuple(masks[b], places[b], b);
  });

  for (std::size_t first = 0; first < count; first += SkinningLanes::kCount) {
    SkinningBlock& block = blocks_.emplace_back();
    JointMask mask;
    block.vertex_count = static_cast<std::int32_t>(std::min<std::size_t>(SkinningLanes::kCount, count - first));
    for (std::int32_t lane = 0; lane < block.vertex_count; ++lane) {
      block.vertices[lane] = order[first + lane];
      mask.pose |= masks[order[first + lane]].pose;
      mask.skin |= masks[order[first + lane]].skin;
    }
    block.pose_joint_count = list_bits(mask.pose, block.pose_joints);
    block.skin_joint_count = list_bits(mask.skin, block.skin_joints);
    append_lanes(arrays, block, lanes_);
  }
}

}  // namespace a2p
