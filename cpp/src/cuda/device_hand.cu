#include <cuda_runtime.h>

#include "a2p/cuda/device_hand.h"
#include "cuda/device_copy.cuh"

namespace a2p::cuda {
Status DeviceHand::upload(const SkinningModel& model) {
  const JointsView joints = model.joints();
  std::int64_t lane_count = 0;
  for (const SkinningBlock& block : model.blocks()) {
    const std::int64_t columns = 3 + 3 * kBetaCount + 27 * block.pose_joint_count + block.skin_joint_count;
    lane_count = block.first_lanes + columns > lane_count ? block.first_lanes + columns : lane_count;
  }
  view_.vertex_count = static_cast<std::int32_t>(model.vertex_count());
  view_.block_count = static_cast<std::int32_t>(model.blocks().size());
  return copy_to_device(
      std::array{
          host_array(model.lanes(), static_cast<std::size_t>(lane_count), &view_.lanes),
          host_array(model.blocks().data(), model.blocks().size(), &view_.blocks),
          host_array(joints.joint_template, std::size_t{3 * kJointCount}, &view_.joints.joint_template),
          host_array(joints.joint_shapedirs, std::size_t{3 * kJointCount * kBetaCount}, &view_.joints.joint_shapedirs),
          host_array(joints.parents, std::size_t{kJointCount}, &view_.joints.parents)},
      &memory_);
}

// An error here has no one left to tell: at exit the driver may be gone already.
DeviceHand::~DeviceHand() {
  if (memory_ != nullptr) cudaFree(memory_);
}

}  // namespace a2p::cuda
