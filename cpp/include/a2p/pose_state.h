// What a hand's parameters become before any vertex is visited, a joint at a time, forward and backward.
#pragma once
#include "a2p/kinematics.h"
#include "a2p/skinning_blocks.h"

namespace a2p {

// The joints' part of a hand model; pointers may be those of a device.
struct JointsView {
  const float* joint_template;   // (16, 3)
  const float* joint_shapedirs;  // (16, 3, 10)
  const std::int32_t* parents;   // (16)
};

struct PoseState {
  Vec3<float> rotvecs[kJointCount];
  JointChain<float> chain;
  float pose_feature[kPoseFeatureCount];   // local rotmats minus identity, wrist left out
  JointTransform transforms[kJointCount];  // from rest to posed, transl included
};

A2P_HD Vec3<float> vec3_at(const float* memory) noexcept { return {memory[0], memory[1], memory[2]}; }

A2P_HD void store_vec3(const Vec3<float>& value, float* memory) noexcept {
  memory[0] = value.x;
  memory[1] = value.y;
  memory[2] = value.z;
}

A2P_HD Mat3<float> mat3_at(const float* memory) noexcept {
  return {{vec3_at(memory), vec3_at(memory + 3), vec3_at(memory + 6)}};
}

// Sets what joint `joint` is before its parents move it.
A2P_HD void start_joint(const JointsView& joints, const Vec3<float>& rotvec, const float* betas, int joint,
                        PoseState& state) noexcept {
  float rest[3];
  for (int axis = 0; axis < 3; ++axis) {
    const float* directions = joints.joint_shapedirs + (3 * joint + axis) * kBetaCount;
    rest[axis] = joints.joint_template[3 * joint + axis];
    for (int beta = 0; beta < kBetaCount; ++beta) rest[axis] += directions[beta] * betas[beta];
  }
  state.rotvecs[joint] = rotvec;
  state.chain.rest[joint] = {rest[0], rest[1], rest[2]};
  state.chain.local[joint] = rotmat_from_rotvec(rotvec);
}

// Sets the joint's transform and pose feature. Requires the chain to be complete.
A2P_HD void finish_joint(const Vec3<float>& transl, int joint, PoseState& state) noexcept {
  const Mat3<float>& rotmat = state.chain.rotmats[joint];
  const Vec3<float> offset = state.chain.positions[joint] - rotmat * state.chain.rest[joint] + transl;
  auto& rows = state.transforms[joint].rows;
  for (int row = 0; row < 3; ++row) store_vec3(rotmat.rows[row], rows[row]);
  rows[0][3] = offset.x;
  rows[1][3] = offset.y;
  rows[2][3] = offset.z;
  if (joint == 0) return;
  float* feature = state.pose_feature + 9 * (joint - 1);
  for (int row = 0; row < 3; ++row) store_vec3(state.chain.local[joint].rows[row], feature + 3 * row);
  for (int axis = 0; axis < 3; ++axis) feature[4 * axis] -= 1.0F;
}

// Overwrites the joint's part of the chain's gradient with what transforms and pose features say about it. The sum of
// gradient.positions over the joints, before the chain is gone back, is d loss / d transl.
A2P_HD void finish_joint_vjp(const PoseState& state, const JointTransform& d_transform, const float* d_pose_feature,
                             int joint, JointChainGradient<float>& gradient) noexcept {
  const auto& rows = d_transform.rows;
  const Vec3<float> d_offset{rows[0][3], rows[1][3], rows[2][3]};
  gradient.rotmats[joint] = {{vec3_at(rows[0]), vec3_at(rows[1]), vec3_at(rows[2])}};
  gradient.rotmats[joint] += outer(-d_offset, state.chain.rest[joint]);
  gradient.rest[joint] = -(transpose(state.chain.rotmats[joint]) * d_offset);
  gradient.positions[joint] = d_offset;
  gradient.local[joint] = joint == 0 ? Mat3<float>{} : mat3_at(d_pose_feature + 9 * (joint - 1));
}

// Returns how the joint's rest position depends on one beta.
A2P_HD Vec3<float> rest_direction(const JointsView& joints, int joint, int beta) noexcept {
  const float* directions = joints.joint_shapedirs + 3 * joint * kBetaCount + beta;
  return {directions[0], directions[kBetaCount], directions[2 * kBetaCount]};
}

}  // namespace a2p
