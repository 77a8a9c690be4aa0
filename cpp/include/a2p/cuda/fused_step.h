// The fused step of a2p/fused_step.h on a CUDA device.
#pragma once
#include <cstddef>
#include <cstdint>

#include "a2p/cuda/device_hand.h"
#include "a2p/cuda/penetration.h"

namespace a2p::cuda {

// One hand's model and the surface that its vertices span, in device memory.
struct DeviceSurface {
  DeviceHandView model;
  TopologyView topology;  // of model.vertex_count vertices
};

// Device arrays that the step writes.
struct StepArrays {
  double* loss;                              // (count)
  HandParametersView<float> gradient_right;  // of the loss
  HandParametersView<float> gradient_left;
  float* depth_right;  // (count, v right) m, 0 outside the left hand
  float* depth_left;   // (count, v left)
};

// Device memory that `fused_step` needs, aligned to 16 bytes.
std::size_t fused_step_workspace_bytes(const DeviceSurface& right, const DeviceSurface& left,
                                       std::int64_t count) noexcept;

// Poses both hands, finds every vertex of one inside the other, and carries the gradient of the summed penalty back to
// the parameters: kernels queued on the stream, without waiting for any. The same bits on every run. Parameters are
// device pointers; where one of a pair is not finite, the pair's loss and gradients are NaN.
Status fused_step(const DeviceSurface& right, const DeviceSurface& left,
                  const HandParametersView<const float>& at_right, const HandParametersView<const float>& at_left,
                  std::int64_t count, const DepthLoss& loss, const StepArrays& arrays, void* workspace,
                  Stream stream) noexcept;

}  // namespace a2p::cuda
