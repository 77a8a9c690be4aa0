// A hand model in the memory of a CUDA device.
#pragma once
#include <cstdint>

#include "a2p/cuda/status.h"
#include "a2p/pose_state.h"
#include "a2p/skinning.h"

namespace a2p::cuda {

// What kernels read of a hand model: device pointers.
struct DeviceHandView {
  std::int32_t vertex_count = 0;
  std::int32_t block_count = 0;
  const SkinningBlock* blocks = nullptr;
  const SkinningLanes* lanes = nullptr;
  JointsView joints{};
};

// Owns the device copy of a SkinningModel.
class DeviceHand {
 public:
  DeviceHand() = default;
  ~DeviceHand();
  DeviceHand(const DeviceHand&) = delete;
  DeviceHand& operator=(const DeviceHand&) = delete;

  // Copies the model to the current device. Call it once.
  Status upload(const SkinningModel& model);

  const DeviceHandView& view() const noexcept { return view_; }

 private:
  void* memory_ = nullptr;
  DeviceHandView view_;
};

}  // namespace a2p::cuda
