#include "a2p/fused_step.h"

#include <utility>

#include "a2p/thread_pool.h"

namespace a2p {

// Memory for one pair at a time.
struct FusedStep::Scratch {
  Scratch(const SkinnedSurface& right, const SkinnedSurface& left)
      : pair(right.topology, left.topology),
        vertices_right(3 * static_cast<std::size_t>(right.model.vertex_count())),
        vertices_left(3 * static_cast<std::size_t>(left.model.vertex_count())),
        gradient_right(vertices_right.size()),
        gradient_left(vertices_left.size()) {}

  PairScratch pair;
  std::vector<float> vertices_right, vertices_left;
  std::vector<float> gradient_right, gradient_left;  // of the loss with respect to the vertices
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
  skin_hand(right_.model, right.at(pair), {scratch.vertices_right.data(), nullptr, nullptr}, isa);
  skin_hand(left_.model, left.at(pair), {scratch.vertices_left.data(), nullptr, nullptr}, isa);
  output.loss[pair] = penetrate_pair(right_.topology, left_.topology, scratch.vertices_right.data(),
                                     scratch.vertices_left.data(), loss, scratch.pair,
                                     {.depth_a = depth_at(output.depth_right, right_),
                                      .depth_b = depth_at(output.depth_left, left_),
                                      .gradient_a = scratch.gradient_right.data(),
                                      .gradient_b = scratch.gradient_left.data()});
  skin_hand_vjp(right_.model, right.at(pair), {scratch.gradient_right.data(), nullptr, nullptr},
                output.gradient_right.at(pair), isa);
  skin_hand_vjp(left_.model, left.at(pair), {scratch.gradient_left.data(), nullptr, nullptr},
                output.gradient_left.at(pair), isa);
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
