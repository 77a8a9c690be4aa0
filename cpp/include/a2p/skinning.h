// Linear blend skinning of hands with shape and pose blend shapes (Loper et al., SMPL, SIGGRAPH Asia 2015, sec. 3;
// Romero et al., MANO, SIGGRAPH Asia 2017), forward and vector-Jacobian product. Metres and radians.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "a2p/isa.h"
#include "a2p/pose_state.h"
#include "a2p/skinning_blocks.h"

namespace a2p {

// The arrays of a hand model, row-major, v vertices. Joint j > 0 is posed relative to parents[j] < j.
struct HandModelArrays {
  std::span<const float> v_template;       // (v, 3)
  std::span<const float> shapedirs;        // (v, 3, 10)
  std::span<const float> posedirs;         // (v, 3, 135), by 9 (joint - 1) + 3 row + column of rotmat - identity
  std::span<const float> joint_template;   // (16, 3)
  std::span<const float> joint_shapedirs;  // (16, 3, 10)
  std::span<const float> weights;          // (v, 16)
  std::span<const std::int32_t> parents;   // (16)
};

// Parameters of one or many hands, each member row-major by hand.
template <typename Float>
struct HandParametersView {
  Float* global_orient;  // (b, 3)
  Float* hand_pose;      // (b, 15, 3)
  Float* betas;          // (b, 10)
  Float* transl;         // (b, 3)

  HandParametersView at(std::int64_t hand) const noexcept {
    return {global_orient + 3 * hand, hand_pose + 3 * (kJointCount - 1) * hand, betas + kBetaCount * hand,
            transl + 3 * hand};
  }
};

// Posed hands, or the gradient of a loss with respect to them.
template <typename Float>
struct PosedHandsView {
  Float* vertices;       // (b, v, 3); may be null in a gradient
  Float* joints;         // (b, 16, 3); may be null
  Float* joint_rotmats;  // (b, 16, 3, 3), to the camera frame; may be null

  PosedHandsView at(std::int64_t hand, std::int64_t vertex_count) const noexcept {
    const auto moved = [](Float* memory, std::int64_t by) { return memory == nullptr ? nullptr : memory + by; };
    return {moved(vertices, 3 * vertex_count * hand), moved(joints, 3 * kJointCount * hand),
            moved(joint_rotmats, 9 * kJointCount * hand)};
  }
};

// A hand model laid out for skinning. Immutable, so that any number of threads may share it.
class SkinningModel {
 public:
  // Copies the arrays. Requires the lengths above and finite values.
  explicit SkinningModel(const HandModelArrays& arrays);

  std::int64_t vertex_count() const noexcept { return vertex_count_; }
  std::span<const SkinningBlock> blocks() const noexcept { return blocks_; }
  const SkinningLanes* lanes() const noexcept { return lanes_.data(); }
  JointsView joints() const noexcept { return {joint_template_, joint_shapedirs_, parents_}; }

 private:
  std::int64_t vertex_count_;
  std::vector<SkinningBlock> blocks_;
  std::vector<SkinningLanes> lanes_;
  std::int32_t parents_[kJointCount];
  float joint_template_[3 * kJointCount];
  float joint_shapedirs_[3 * kJointCount * kBetaCount];
};

// What posing one hand leaves for the vjp.
struct SkinningState {
  PoseState pose;
  SkinningLanes* rest = nullptr;  // (block, 3) memory of the caller for what the vjp would else compute again, or null
};

// Poses one hand and fills `state`. Does not allocate.
void skin_hand(const SkinningModel& model, const HandParametersView<const float>& parameters,
               const PosedHandsView<float>& posed, SkinningState& state, Isa isa) noexcept;

// Writes d loss / d parameters of one hand, given d loss / d posed and the state that skin_hand left for these
// parameters; null members of `d_posed` count as zero. Does not allocate. The derivative is exact at zero rotation too.
void skin_hand_vjp(const SkinningModel& model, const HandParametersView<const float>& parameters,
                   const PosedHandsView<const float>& d_posed, const SkinningState& state,
                   const HandParametersView<float>& d_parameters, Isa isa) noexcept;

// The same for `count` hands, on at most `threads` threads (0: the default); the bits do not depend on their number.
void skin(const SkinningModel& model, const HandParametersView<const float>& parameters, std::int64_t count,
          const PosedHandsView<float>& posed, std::int32_t threads);
void skin_vjp(const SkinningModel& model, const HandParametersView<const float>& parameters, std::int64_t count,
              const PosedHandsView<const float>& d_posed, const HandParametersView<float>& d_parameters,
              std::int32_t threads);

}  // namespace a2p
