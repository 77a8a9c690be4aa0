// Skinning and the fused step: derivatives, instruction sets, threads and concurrent calls. Run it under sanitizers.
#include <cmath>
#include <thread>

#include "a2p/fused_step.h"
#include "check.h"
#include "synthetic_hand.h"

namespace a2p::tests {
namespace {

void check(bool holds, const char* what) {
  if (!holds) std::fprintf(stderr, "not so: %s\n", what);
  A2P_CHECK(holds);
}

void check_close(double actual, double expected, double tolerance, const char* what) {
  check(std::abs(actual - expected) <= tolerance, what);
}

constexpr std::int64_t kHands = 20;

// Every parameter of a batch in one list, to compare or to step along.
std::vector<float*> entries(Parameters& parameters) {
  std::vector<float*> all;
  for (auto* array : {&parameters.global_orient, &parameters.hand_pose, &parameters.betas, &parameters.transl}) {
    for (float& value : *array) all.push_back(&value);
  }
  return all;
}

double weighted_sum(const SkinningModel& model, const Parameters& parameters, const std::vector<float>& weights) {
  std::vector<float> vertices(weights.size());
  skin(model, parameters.view(), 1, {vertices.data(), nullptr, nullptr}, 1);
  double total = 0;
  for (std::size_t i = 0; i < weights.size(); ++i) total += static_cast<double>(vertices[i]) * weights[i];
  return total;
}

void the_gradient_of_skinning_matches_differences() {
  const SyntheticHand hand(4);
  const SkinningModel model = hand.model();
  std::mt19937 random(3);
  const std::vector<float> weights = normal_floats(hand.v_template.size(), 1.0F, random);
  for (const Isa isa : runnable_isas()) {
    set_isa(isa);
    Parameters parameters(1, 5);
    Parameters gradient(1);
    skin_vjp(model, parameters.view(), 1, {weights.data(), nullptr, nullptr}, gradient.writable(), 1);
    const std::vector<float*> point = entries(parameters), slope = entries(gradient);
    for (std::size_t i = 0; i < point.size(); ++i) {
      const float here = *point[i], step = 1e-2F;
      *point[i] = here + step;
      const double above = weighted_sum(model, parameters, weights);
      *point[i] = here - step;
      const double below = weighted_sum(model, parameters, weights);
      *point[i] = here;
      check_close(*slope[i], (above - below) / (2.0 * step), 2e-3, "d vertices / d parameter");
    }
  }
  set_isa(std::nullopt);
}

void a_zero_gradient_gives_zero() {
  const SyntheticHand hand(3);
  Parameters gradient(1, 9);
  const std::vector<float> zeros(hand.v_template.size());
  skin_vjp(hand.model(), Parameters(1, 5).view(), 1, {zeros.data(), nullptr, nullptr}, gradient.writable(), 1);
  check(gradient == Parameters(1), "a zero gradient gives zero");
}

struct StepResult {
  explicit StepResult(std::int64_t vertex_count)
      : right(kHands), left(kHands), loss(kHands), depth(static_cast<std::size_t>(kHands * vertex_count)) {}
  bool operator==(const StepResult&) const = default;

  Parameters right, left;
  std::vector<double> loss;
  std::vector<float> depth;
};

StepResult run_step(FusedStep& step, std::int64_t vertex_count, const Parameters& right, const Parameters& left,
                    int threads) {
  StepResult result(vertex_count);
  step.evaluate(right.view(), left.view(), kHands, {}, threads,
                {result.loss.data(), result.right.writable(), result.left.writable(), result.depth.data(), nullptr});
  return result;
}

void the_fused_step_does_not_depend_on_threads_or_concurrent_calls() {
  const SyntheticHand right_hand(5), left_hand(4, 2);
  const SkinningModel right_model = right_hand.model(), left_model = left_hand.model();
  const Topology right_surface = right_hand.topology(), left_surface = left_hand.topology();
  FusedStep step({right_model, right_surface}, {left_model, left_surface});
  const Parameters right(kHands, 21), left(kHands, 22);
  const StepResult alone = run_step(step, right_hand.vertex_count(), right, left, 1);
  check(alone.loss[0] > 0, "the boxes overlap");
  for (const int threads : {2, 3, 8}) {
    check(run_step(step, right_hand.vertex_count(), right, left, threads) == alone, "threads change nothing");
  }
  std::vector<StepResult> results(4, StepResult(right_hand.vertex_count()));
  std::vector<std::thread> callers;
  for (StepResult& result : results) {
    callers.emplace_back([&] { result = run_step(step, right_hand.vertex_count(), right, left, 2); });
  }
  for (std::thread& caller : callers) caller.join();
  for (const StepResult& result : results) check(result == alone, "concurrent calls do not disturb each other");
}

void the_gradient_of_the_fused_step_descends() {
  const SyntheticHand hand(5);
  const SkinningModel model = hand.model();
  const Topology surface = hand.topology();
  FusedStep step({model, surface}, {model, surface});
  Parameters right(kHands, 31);
  const Parameters left(kHands, 32);
  const StepResult before = run_step(step, hand.vertex_count(), right, left, 0);
  double expected = 0, total_before = 0, total_after = 0;
  for (std::size_t i = 0; i < right.transl.size(); ++i) {
    const float change = -1e-3F * before.right.transl[i];
    right.transl[i] += change;
    expected += static_cast<double>(change) * before.right.transl[i];
  }
  const StepResult after = run_step(step, hand.vertex_count(), right, left, 0);
  for (std::size_t i = 0; i < before.loss.size(); ++i) {
    total_before += before.loss[i];
    total_after += after.loss[i];
  }
  check(expected < 0, "there is something to descend");
  check_close((total_after - total_before) / expected, 1.0, 0.05, "the loss falls as the gradient says");
}

}  // namespace
}  // namespace a2p::tests

int main() {
  a2p::tests::the_gradient_of_skinning_matches_differences();
  a2p::tests::a_zero_gradient_gives_zero();
  a2p::tests::the_fused_step_does_not_depend_on_threads_or_concurrent_calls();
  a2p::tests::the_gradient_of_the_fused_step_descends();
  return a2p::tests::failures == 0 ? 0 : 1;
}
