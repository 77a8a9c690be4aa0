// A hand model's per-vertex arrays in blocks of 16 vertices, in the order in which the kernel reads them.
#pragma once
#include <cstdint>

#include "a2p/hand_sizes.h"
#include "a2p/host_device.h"

namespace a2p {

// One float for each vertex of a block.
struct alignas(64) SkinningLanes {
  static constexpr int kCount = 16;
  float lane[kCount] = {};
};

// Vertices are grouped by the joints that move them, and a block stores only columns of joints that move one of its
// vertices. From first_lanes on stand: template x, y, z; shape x, y, z for each beta; pose x, y, z for each of the 9
// entries of each pose joint's rotation; one weight for each skin joint. Lanes without a vertex are zero.
struct SkinningBlock {
  std::int64_t first_lanes = 0;
  std::int32_t vertex_count = 0;  // fewer than 16 in the last block
  std::int32_t pose_joint_count = 0;
  std::int32_t skin_joint_count = 0;
  std::int8_t pose_joints[16] = {};                   // j - 1 of each joint with pose blend shapes here
  std::int8_t skin_joints[16] = {};                   // each joint with a weight here
  std::int32_t vertices[SkinningLanes::kCount] = {};  // where each lane's vertex stands in the model
};

// Where a block's parts start among the lanes; the template's stand before those of the shape.
struct BlockColumns {
  const SkinningLanes* shape;    // x, y, z for each beta
  const SkinningLanes* pose;     // x, y, z for each of the 9 entries of each pose joint
  const SkinningLanes* weights;  // one for each skin joint
};

A2P_HD BlockColumns columns_of(const SkinningBlock& block, const SkinningLanes* lanes) noexcept {
  const SkinningLanes* shape = lanes + block.first_lanes + 3;
  const SkinningLanes* pose = shape + 3 * kBetaCount;
  return {shape, pose, pose + 27 * block.pose_joint_count};
}

// The motion of one joint: rows of x -> rotmat x + translation.
struct JointTransform {
  float rows[3][4];
};

}  // namespace a2p
