#include <cuda_runtime.h>

#include <vector>

#include "a2p/cuda/device_hand.h"
#include "cuda/device_copy.cuh"

namespace a2p::cuda {
namespace {

// The joints' rest positions and their dependence on betas, as the model's own functions give them.
struct Joints {
  explicit Joints(const SkinningModel& model) {
    const float mean_shape[kBetaCount] = {};
    for (int joint = 0; joint < kJointCount; ++joint) {
      const Vec3<float> rest = model.rest_joint(joint, mean_shape);
      positions.insert(positions.end(), {rest.x, rest.y, rest.z});
      for (const Vec3<float>& axis : {Vec3<float>{1, 0, 0}, Vec3<float>{0, 1, 0}, Vec3<float>{0, 0, 1}}) {
        float directions[kBetaCount] = {};
        model.rest_joint_vjp(joint, axis, directions);
        shapedirs.insert(shapedirs.end(), directions, directions + kBetaCount);
      }
    }
  }

  std::vector<float> positions, shapedirs;
};

}  // namespace

Status DeviceHand::upload(const SkinningModel& model) {
  const Joints joints(model);
  std::int64_t lane_count = 0;
  for (const SkinningBlock& block : model.blocks()) {
    const std::int64_t columns = 3 + 3 * kBetaCount + 27 * block.pose_joint_count + block.skin_joint_count;
    lane_count = block.first_lanes + columns > lane_count ? block.first_lanes + columns : lane_count;
  }
  view_.vertex_count = static_cast<std::int32_t>(model.vertex_count());
  view_.block_count = static_cast<std::int32_t>(model.blocks().size());
  return copy_to_device(
      std::array{host_array(model.lanes(), static_cast<std::size_t>(lane_count), &view_.lanes),
                 host_array(model.blocks().data(), model.blocks().size(), &view_.blocks),
                 host_array(joints.positions.data(), joints.positions.size(), &view_.joints.joint_template),
                 host_array(joints.shapedirs.data(), joints.shapedirs.size(), &view_.joints.joint_shapedirs),
                 host_array(model.parents(), std::size_t{kJointCount}, &view_.joints.parents)},
      &memory_);
}

// An error here has no one left to tell: at exit the driver may be gone already.
DeviceHand::~DeviceHand() {
  if (memory_ != nullptr) cudaFree(memory_);
}

}  // namespace a2p::cuda
