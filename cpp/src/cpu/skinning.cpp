#include "a2p/skinning.h"

#include "a2p/thread_pool.h"
#include "cpu/skinning_kernel.h"

namespace a2p {
namespace {

// Below this a thread costs more to wake than it saves.
constexpr std::int64_t kHandsAThread = 8;

void set_pose(const JointsView& joints, const HandParametersView<const float>& parameters, PoseState& state) noexcept {
  for (int joint = 0; joint < kJointCount; ++joint) {
    const float* rotvec = joint == 0 ? parameters.global_orient : parameters.hand_pose + 3 * (joint - 1);
    start_joint(joints, vec3_at(rotvec), parameters.betas, joint, state);
  }
  chain_joints(joints.parents, state.chain);
  const Vec3<float> transl = vec3_at(parameters.transl);
  for (int joint = 0; joint < kJointCount; ++joint) finish_joint(transl, joint, state);
}

}  // namespace

void skin_hand(const SkinningModel& model, const HandParametersView<const float>& parameters,
               const PosedHandsView<float>& posed, SkinningState& state, Isa isa) noexcept {
  PoseState& pose = state.pose;
  set_pose(model.joints(), parameters, pose);
  for (int joint = 0; joint < kJointCount; ++joint) {
    if (posed.joints != nullptr) {
      store_vec3(pose.chain.positions[joint] + vec3_at(parameters.transl), posed.joints + 3 * joint);
    }
    if (posed.joint_rotmats == nullptr) continue;
    for (int row = 0; row < 3; ++row) {
      store_vec3(pose.chain.rotmats[joint].rows[row], posed.joint_rotmats + 9 * joint + 3 * row);
    }
  }
  A2P_DISPATCH(isa, skin_blocks, model.blocks().data(), static_cast<std::int64_t>(model.blocks().size()), model.lanes(),
               parameters.betas, pose.pose_feature, pose.transforms, state.rest, posed.vertices);
}

void skin_hand_vjp(const SkinningModel& model, const HandParametersView<const float>& parameters,
                   const PosedHandsView<const float>& d_posed, const SkinningState& state,
                   const HandParametersView<float>& d_parameters, Isa isa) noexcept {
  const PoseState& pose = state.pose;
  const JointsView joints = model.joints();
  float d_pose_feature[kPoseFeatureCount] = {};
  JointTransform d_transforms[kJointCount] = {};
  for (int beta = 0; beta < kBetaCount; ++beta) d_parameters.betas[beta] = 0.0F;
  if (d_posed.vertices != nullptr) {
    A2P_DISPATCH(isa, skin_blocks_vjp, model.blocks().data(), static_cast<std::int64_t>(model.blocks().size()),
                 model.lanes(), parameters.betas, pose.pose_feature, pose.transforms, state.rest, d_posed.vertices,
                 d_parameters.betas, d_pose_feature, d_transforms);
  }
  JointChainGradient<float> gradient;
  Vec3<float> d_transl{};
  for (int joint = 0; joint < kJointCount; ++joint) {
    finish_joint_vjp(pose, d_transforms[joint], d_pose_feature, joint, gradient);
    if (d_posed.joints != nullptr) gradient.positions[joint] += vec3_at(d_posed.joints + 3 * joint);
    if (d_posed.joint_rotmats != nullptr) gradient.rotmats[joint] += mat3_at(d_posed.joint_rotmats + 9 * joint);
    d_transl += gradient.positions[joint];
  }
  store_vec3(d_transl, d_parameters.transl);
  chain_joints_vjp(joints.parents, pose.chain, gradient);
  for (int joint = 0; joint < kJointCount; ++joint) {
    const Vec3<float> d_rotvec = rotmat_from_rotvec_vjp(pose.rotvecs[joint], gradient.local[joint]);
    store_vec3(d_rotvec, joint == 0 ? d_parameters.global_orient : d_parameters.hand_pose + 3 * (joint - 1));
    for (int beta = 0; beta < kBetaCount; ++beta) {
      d_parameters.betas[beta] += dot(rest_direction(joints, joint, beta), gradient.rest[joint]);
    }
  }
}

void skin(const SkinningModel& model, const HandParametersView<const float>& parameters, std::int64_t count,
          const PosedHandsView<float>& posed, std::int32_t threads) {
  const Isa isa = active_isa();
  parallel_for(count, kHandsAThread, threads, [&](WorkItems& hands) {
    while (const std::optional<std::int64_t> hand = hands.next()) {
      SkinningState state;
      skin_hand(model, parameters.at(*hand), posed.at(*hand, model.vertex_count()), state, isa);
    }
  });
}

void skin_vjp(const SkinningModel& model, const HandParametersView<const float>& parameters, std::int64_t count,
              const PosedHandsView<const float>& d_posed, const HandParametersView<float>& d_parameters,
              std::int32_t threads) {
  const Isa isa = active_isa();
  parallel_for(count, kHandsAThread, threads, [&](WorkItems& hands) {
    while (const std::optional<std::int64_t> hand = hands.next()) {
      SkinningState state;
      set_pose(model.joints(), parameters.at(*hand), state.pose);
      skin_hand_vjp(model, parameters.at(*hand), d_posed.at(*hand, model.vertex_count()), state, d_parameters.at(*hand),
                    isa);
    }
  });
}

}  // namespace a2p
