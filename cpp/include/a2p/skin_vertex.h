// Skinning of one vertex of a block, forward and backward. See a2p/skinning_blocks.h for the layout.
#pragma once
#include "a2p/skinning_blocks.h"
#include "a2p/vec3.h"

namespace a2p {

A2P_HD Vec3<float> column_at(const SkinningLanes* column, int lane) noexcept {
  return {column[0].lane[lane], column[1].lane[lane], column[2].lane[lane]};
}

// Returns the vertex before skinning.
A2P_HD Vec3<float> deform_vertex(const SkinningBlock& block, const BlockColumns& columns, int lane, const float* betas,
                                 const float* pose_feature) noexcept {
  Vec3<float> point = column_at(columns.shape - 3, lane);
  for (int beta = 0; beta < kBetaCount; ++beta) point += betas[beta] * column_at(columns.shape + 3 * beta, lane);
  for (int slot = 0; slot < block.pose_joint_count; ++slot) {
    const float* feature = pose_feature + 9 * block.pose_joints[slot];
    for (int entry = 0; entry < 9; ++entry) {
      point += feature[entry] * column_at(columns.pose + 27 * slot + 3 * entry, lane);
    }
  }
  return point;
}

// Returns the weighted sum of the joints' transforms.
A2P_HD JointTransform blend_transforms(const SkinningBlock& block, const BlockColumns& columns, int lane,
                                       const JointTransform* transforms) noexcept {
  JointTransform blended{};
  for (int slot = 0; slot < block.skin_joint_count; ++slot) {
    const float weight = columns.weights[slot].lane[lane];
    const JointTransform& transform = transforms[block.skin_joints[slot]];
    for (int i = 0; i < 12; ++i) blended.rows[i / 4][i % 4] += weight * transform.rows[i / 4][i % 4];
  }
  return blended;
}

A2P_HD Vec3<float> transform_point(const JointTransform& transform, const Vec3<float>& p) noexcept {
  const auto& m = transform.rows;
  return {m[0][0] * p.x + m[0][1] * p.y + m[0][2] * p.z + m[0][3],
          m[1][0] * p.x + m[1][1] * p.y + m[1][2] * p.z + m[1][3],
          m[2][0] * p.x + m[2][1] * p.y + m[2][2] * p.z + m[2][3]};
}

// Returns d loss / d point, given d loss / d transform_point(transform, point).
A2P_HD Vec3<float> transform_point_vjp(const JointTransform& transform, const Vec3<float>& d_posed) noexcept {
  const auto& m = transform.rows;
  return {m[0][0] * d_posed.x + m[1][0] * d_posed.y + m[2][0] * d_posed.z,
          m[0][1] * d_posed.x + m[1][1] * d_posed.y + m[2][1] * d_posed.z,
          m[0][2] * d_posed.x + m[1][2] * d_posed.y + m[2][2] * d_posed.z};
}

}  // namespace a2p
