// Skinning of two batches of hands, forward and backward, in device memory.
#pragma once
#include "a2p/cuda/device_hand.h"
#include "cuda/launch.cuh"

namespace a2p::cuda {

// HandParametersView::at for device code.
template <typename Float>
__device__ HandParametersView<Float> parameters_at(const HandParametersView<Float>& all, std::int64_t hand) {
  return {all.global_orient + 3 * hand, all.hand_pose + 3 * (kJointCount - 1) * hand, all.betas + kBetaCount * hand,
          all.transl + 3 * hand};
}

// What stands in device memory for the poses of a batch of hands.
struct HandBatch {
  DeviceHandView model;
  HandParametersView<const float> parameters;
  PoseState* states;        // (count)
  std::int32_t* is_finite;  // (count) 1 if all parameters of the hand are
  float* vertices;          // (count, v, 3)
  const float* gradient;    // (count, v, 3) of the loss
};

// Fills states, is_finite and vertices of both batches.
Status skin_hands(const HandBatch& right, const HandBatch& left, std::int64_t count, cudaStream_t stream) noexcept;

// Writes d loss / d parameters, given `gradient`; NaN, and NaN losses, where a hand of the pair is not finite.
Status skin_hands_vjp(const HandBatch& right, const HandBatch& left, std::int64_t count,
                      const HandParametersView<float>& d_right, const HandParametersView<float>& d_left, double* loss,
                      cudaStream_t stream) noexcept;

}  // namespace a2p::cuda
