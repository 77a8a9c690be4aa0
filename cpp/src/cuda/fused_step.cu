#include "a2p/cuda/fused_step.h"
#include "cuda/carver.cuh"
#include "cuda/most_at_once.cuh"
#include "cuda/skinning.cuh"

namespace a2p::cuda {
namespace {

// The workspace of a launch of `count` pairs; with a null start it only counts bytes.
struct StepSpace {
  StepSpace(Carver& carver, const DeviceSurface& right, const DeviceSurface& left, std::int64_t count)
      : state_right(carver.take<PoseState>(count)),
        state_left(carver.take<PoseState>(count)),
        is_finite_right(carver.take<std::int32_t>(count)),
        is_finite_left(carver.take<std::int32_t>(count)),
        vertices_right(carver.take<float>(count * 3 * right.model.vertex_count)),
        vertices_left(carver.take<float>(count * 3 * left.model.vertex_count)),
        gradient_right(carver.take<float>(count * 3 * right.model.vertex_count)),
        gradient_left(carver.take<float>(count * 3 * left.model.vertex_count)),
        penetration(carver.take<unsigned char>(
            static_cast<std::int64_t>(penetration_workspace_bytes(right.topology, left.topology, count)))) {}

  PoseState *state_right, *state_left;
  std::int32_t *is_finite_right, *is_finite_left;
  float *vertices_right, *vertices_left, *gradient_right, *gradient_left;
  unsigned char* penetration;
};

Status step_some(const DeviceSurface& right, const DeviceSurface& left, const HandParametersView<const float>& at_right,
                 const HandParametersView<const float>& at_left, std::int64_t count, const DepthLoss& loss,
                 const StepArrays& arrays, void* workspace, cudaStream_t stream) noexcept {
  Carver carver(workspace);
  const StepSpace space(carver, right, left, count);
  const HandBatch rights{right.model,         at_right, space.state_right, space.is_finite_right, space.vertices_right,
                         space.gradient_right};
  const HandBatch lefts{left.model,         at_left, space.state_left, space.is_finite_left, space.vertices_left,
                        space.gradient_left};
  const PairArrays pairs{space.vertices_right, space.vertices_left,  arrays.loss,        arrays.depth_right,
                         arrays.depth_left,    space.gradient_right, space.gradient_left};
  Status status = skin_hands(rights, lefts, count, stream);
  if (status.ok()) {
    status = penetrate_pairs(right.topology, left.topology, count, loss, pairs, space.penetration, stream);
  }
  if (!status.ok()) return status;
  return skin_hands_vjp(rights, lefts, count, arrays.gradient_right, arrays.gradient_left, arrays.loss, stream);
}

}  // namespace

std::size_t fused_step_workspace_bytes(const DeviceSurface& right, const DeviceSurface& left,
                                       std::int64_t count) noexcept {
  Carver carver(nullptr);
  StepSpace(carver, right, left, count < kMostAtOnce ? count : kMostAtOnce);
  return carver.bytes();
}

Status fused_step(const DeviceSurface& right, const DeviceSurface& left,
                  const HandParametersView<const float>& at_right, const HandParametersView<const float>& at_left,
                  std::int64_t count, const DepthLoss& loss, const StepArrays& arrays, void* workspace,
                  Stream stream) noexcept {
  for (std::int64_t first = 0; first < count; first += kMostAtOnce) {
    const std::int64_t some = count - first < kMostAtOnce ? count - first : kMostAtOnce;
    const StepArrays part{arrays.loss + first, arrays.gradient_right.at(first), arrays.gradient_left.at(first),
                          arrays.depth_right + first * right.model.vertex_count,
                          arrays.depth_left + first * left.model.vertex_count};
    const Status status = step_some(right, left, at_right.at(first), at_left.at(first), some, loss, part, workspace,
                                    static_cast<cudaStream_t>(stream));
    if (!status.ok()) return status;
  }
  return {};
}

}  // namespace a2p::cuda
