// From the parameters of two hands to how deep they lie in each other and how to move them apart, in one call.
#pragma once
#include <cstdint>
#include <memory>

#include "a2p/penetration.h"
#include "a2p/scratch_pool.h"
#include "a2p/skinning.h"

namespace a2p {

// One hand's model and the surface that its vertices span.
struct SkinnedSurface {
  const SkinningModel& model;
  const Topology& topology;  // of model.vertex_count() vertices
};

// What the step writes for each pair, one pair after the other; a null depth is left out.
struct FusedStepOutput {
  double* loss;                              // (b)
  HandParametersView<float> gradient_right;  // of the loss
  HandParametersView<float> gradient_left;
  float* depth_right = nullptr;  // (b, v right) m, 0 outside the left hand
  float* depth_left = nullptr;   // (b, v left)
};

// Poses both hands, finds every vertex of one inside the other, and carries the gradient of the summed penalty back
// to the parameters. Any number of calls may run at once; memory is kept between them, so a warm call does not
// allocate.
class FusedStep {
 public:
  // Keeps references: models and topologies must outlive the step.
  FusedStep(const SkinnedSurface& right, const SkinnedSurface& left);
  ~FusedStep();

  // Evaluates `count` pairs on at most `threads` threads (0: the default); their number does not change a bit.
  // Requires finite parameters. Loss and gradient are those of penetrate_pair on the skinned vertices.
  void evaluate(const HandParametersView<const float>& right, const HandParametersView<const float>& left,
                std::int64_t count, const DepthLoss& loss, std::int32_t threads, const FusedStepOutput& output);

 private:
  struct Scratch;

  void evaluate_pair(const HandParametersView<const float>& right, const HandParametersView<const float>& left,
                     std::int64_t pair, const DepthLoss& loss, Scratch& scratch,
                     const FusedStepOutput& output) noexcept;

  SkinnedSurface right_;
  SkinnedSurface left_;
  ScratchPool<Scratch> pool_;
};

}  // namespace a2p
