#include "a2p/skinning.h"

#include "a2p/thread_pool.h"
#include "cpu/skinning_kernel.h"

namespace a2p {
namespace {

// Below this a thread costs more to wake than it saves.
constexpr std::int64_t kHandsAThread = 8;

using Vec = Vec3<float>;
using Mat = Mat3<float>;

Vec load_vec(const float* memory) noexcept { return {memory[0], memory[1], memory[2]}; }

Mat load_mat(const float* memory) noexcept { return {{load_vec(memory), load_vec(memory + 3), load_vec(memory + 6)}}; }

void store_vec(const Vec& value, float* memory) noexcept {
  memory[0] = value.x;
  memory[1] = value.y;
  memory[2] = value.z;
}

void store_mat(const Mat& value, float* memory) noexcept {
  for (int row = 0; row < 3; ++row) store_vec(value.rows[row], memory + 3 * row);
}

void prepare(const SkinningModel& model, const HandParametersView<const float>& parameters,
             SkinningState& state) noexcept {
  for (int joint = 0; joint < kJointCount; ++joint) {
    state.rotvecs[joint] =
        joint == 0 ? load_vec(parameters.global_orient) : load_vec(parameters.hand_pose + 3 * (joint - 1));
    state.chain.rest[joint] = model.rest_joint(joint, parameters.betas);
  }
  pose_chain(state.rotvecs, model.parents(), state.chain);
  for (int joint = 1; joint < kJointCount; ++joint) {
    float* feature = state.pose_feature + 9 * (joint - 1);
    store_mat(state.chain.local[joint], feature);
    for (int axis = 0; axis < 3; ++axis) feature[4 * axis] -= 1.0F;
  }
  const Vec transl = load_vec(parameters.transl);
  for (int joint = 0; joint < kJointCount; ++joint) {
    const Mat& rotmat = state.chain.rotmats[joint];
    const Vec offset = state.chain.positions[joint] - rotmat * state.chain.rest[joint] + transl;
    for (int row = 0; row < 3; ++row) store_vec(rotmat.rows[row], state.transforms[joint].rows[row]);
    state.transforms[joint].rows[0][3] = offset.x;
    state.transforms[joint].rows[1][3] = offset.y;
    state.transforms[joint].rows[2][3] = offset.z;
  }
}

// Adds what the skinning transforms and the returned joints say about the chain; returns d loss / d transl.
Vec chain_gradient(const SkinningState& state, const JointTransform* d_transforms,
                   const PosedHandsView<const float>& d_posed, JointChainGradient<float>& gradient) noexcept {
  Vec d_transl{};
  for (int joint = 0; joint < kJointCount; ++joint) {
    const auto& rows = d_transforms[joint].rows;
    const Vec d_offset{rows[0][3], rows[1][3], rows[2][3]};
    const Vec d_joint = d_posed.joints == nullptr ? Vec{} : load_vec(d_posed.joints + 3 * joint);
    for (int row = 0; row < 3; ++row) gradient.rotmats[joint].rows[row] = load_vec(rows[row]);
    gradient.rotmats[joint] += outer(-d_offset, state.chain.rest[joint]);
    if (d_posed.joint_rotmats != nullptr) gradient.rotmats[joint] += load_mat(d_posed.joint_rotmats + 9 * joint);
    gradient.rest[joint] -= transpose(state.chain.rotmats[joint]) * d_offset;
    gradient.positions[joint] = d_offset + d_joint;
    d_transl += gradient.positions[joint];
  }
  return d_transl;
}

}  // namespace

void skin_hand(const SkinningModel& model, const HandParametersView<const float>& parameters,
               const PosedHandsView<float>& posed, SkinningState& state, Isa isa) noexcept {
  prepare(model, parameters, state);
  for (int joint = 0; joint < kJointCount; ++joint) {
    if (posed.joints != nullptr) {
      store_vec(state.chain.positions[joint] + load_vec(parameters.transl), posed.joints + 3 * joint);
    }
    if (posed.joint_rotmats != nullptr) store_mat(state.chain.rotmats[joint], posed.joint_rotmats + 9 * joint);
  }
  A2P_DISPATCH(isa, skin_blocks, model.blocks().data(), static_cast<std::int64_t>(model.blocks().size()), model.lanes(),
               parameters.betas, state.pose_feature, state.transforms, state.rest, posed.vertices);
}

void skin_hand_vjp(const SkinningModel& model, const HandParametersView<const float>& parameters,
                   const PosedHandsView<const float>& d_posed, const SkinningState& state,
                   const HandParametersView<float>& d_parameters, Isa isa) noexcept {
  float d_pose_feature[kPoseFeatureCount] = {};
  JointTransform d_transforms[kJointCount] = {};
  for (int beta = 0; beta < kBetaCount; ++beta) d_parameters.betas[beta] = 0.0F;
  if (d_posed.vertices != nullptr) {
    A2P_DISPATCH(isa, skin_blocks_vjp, model.blocks().data(), static_cast<std::int64_t>(model.blocks().size()),
                 model.lanes(), parameters.betas, state.pose_feature, state.transforms, state.rest, d_posed.vertices,
                 d_parameters.betas, d_pose_feature, d_transforms);
  }
  JointChainGradient<float> gradient{};
  store_vec(chain_gradient(state, d_transforms, d_posed, gradient), d_parameters.transl);
  for (int joint = 1; joint < kJointCount; ++joint) {
    gradient.local[joint] = load_mat(d_pose_feature + 9 * (joint - 1));
  }
  Vec d_rotvecs[kJointCount];
  pose_chain_vjp(state.rotvecs, model.parents(), state.chain, gradient, d_rotvecs);
  store_vec(d_rotvecs[0], d_parameters.global_orient);
  for (int joint = 0; joint < kJointCount; ++joint) {
    model.rest_joint_vjp(joint, gradient.rest[joint], d_parameters.betas);
    if (joint > 0) store_vec(d_rotvecs[joint], d_parameters.hand_pose + 3 * (joint - 1));
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
      prepare(model, parameters.at(*hand), state);
      skin_hand_vjp(model, parameters.at(*hand), d_posed.at(*hand, model.vertex_count()), state, d_parameters.at(*hand),
                    isa);
    }
  });
}

}  // namespace a2p
