#include "a2p/fused_step.h"

#include <utility>

#include "a2p/thread_pool.h"

namespace a2p {

// Memory for one pair at a time.
struct FusedStep::Scratch {
  struct Hand {
    explicit Hand(const SkinningModel& model)
        : vertices(3 * static_cast<std::size_t>(model.vertex_count())),
          gradient(vertices.size()),
          rest(3 * model.blocks().size()) {
      state.rest = rest.data();
    }

    std::vector<float> vertices;
    std::vector<float> gradient;  // of the loss with respect to the vertices
    std::vector<SkinningLanes> rest;
    SkinningState state;
  };

  Scratch(const SkinnedSurface& right_surface, const SkinnedSurface& left_surface)
      : pair(right_surface.topology, left_surface.topology), right(right_surface.model), left(left_surface.model) {}

  PairScratch pair;
  Hand right, left;
};

FusedStep::FusedStep(const SkinnedSurface& right, const SkinnedSurface& left)
    : right_(right), left_(left), pool_([this] { return std::make_unique<Scratch>(right_, left_); }) {}
FusedStep::~FusedStep() = default;

void FusedStep::evaluate_pair(const HandParametersView<const float>& right, const HandParametersView<const float>& left,
                              std::int64_t pair, const DepthLoss& loss, Scratch& scratch,
                              const FusedStepOutput& output) noexcept {
  const Isa isa = active_isa();
  const auto depth_at = [pair](float* depth, const SkinnedSurface& hand) {
    return depth == nullptr ? nullptr : depth + pair * hand.model.vertex_count();
  };
  const auto skin = [&](const SkinnedSurface& surface, const auto& parameters, Scratch::Hand& hand) {
    skin_hand(surface.model, parameters.at(pair), {hand.vertices.data(), nullptr, nullptr}, hand.state, isa);
  };
  const auto pull_back = [&](const SkinnedSurface& surface, const auto& parameters, const Scratch::Hand& hand,
                             const auto& gradient) {
    skin_hand_vjp(surface.model, parameters.at(pair), {hand.gradient.data(), nullptr, nullptr}, hand.state,
                  gradient.at(pair), isa);
  };
  skin(right_, right, scratch.right);
  skin(left_, left, scratch.left);
  output.loss[pair] = penetrate_pair(right_.topology, left_.topology, scratch.right.vertices.data(),
                                     scratch.left.vertices.data(), loss, scratch.pair,
                                     {.depth_a = depth_at(output.depth_right, right_),
                                      .depth_b = depth_at(output.depth_left, left_),
                                      .gradient_a = scratch.right.gradient.data(),
                                      .gradient_b = scratch.left.gradient.data()});
  pull_back(right_, right, scratch.right, output.gradient_right);
  pull_back(left_, left, scratch.left, output.gradient_left);
}

void FusedStep::evaluate(const HandParametersView<const float>& right, const HandParametersView<const float>& left,
                         std::int64_t count, const DepthLoss& loss, std::int32_t threads,
                         const FusedStepOutput& output) {
  parallel_for(count, 1, threads, [&](WorkItems& pairs) {
    std::unique_ptr<Scratch> scratch = pool_.acquire();
    while (const std::optional<std::int64_t> pair = pairs.next()) {
      evaluate_pair(right, left, *pair, loss, *scratch, output);
    }
    pool_.release(std::move(scratch));
  });
}

}  // namespace a2p
