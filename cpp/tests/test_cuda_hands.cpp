// The CUDA kernels of skinning and the fused step, run on the processor, against the CPU's.
#include <cuda_runtime.h>

#include <cmath>

#include "a2p/cuda/device_topology.h"
#include "a2p/cuda/fused_step.h"
#include "a2p/fused_step.h"
#include "check.h"
#include "synthetic_hand.h"

namespace a2p::tests {
namespace {

constexpr std::int64_t kPairs = 6;  // of which a launch on the processor takes four

struct Result {
  Result(std::int64_t vertices_right, std::int64_t vertices_left)
      : loss(kPairs, -1),
        right(kPairs),
        left(kPairs),
        depth_right(static_cast<std::size_t>(kPairs * vertices_right), -1),
        depth_left(static_cast<std::size_t>(kPairs * vertices_left), -1) {}
  bool operator==(const Result&) const = default;

  std::vector<double> loss;
  Parameters right, left;
  std::vector<float> depth_right, depth_left;
};

// Two hands of different size, with one vertex fewer than full blocks hold.
struct Scene {
  SyntheticHand right{5}, left{4, 2};
  SkinningModel right_model = right.model(), left_model = left.model();
  Topology right_surface = right.topology(), left_surface = left.topology();

  Result on_cpu(const Parameters& at_right, const Parameters& at_left, const DepthLoss& loss) const {
    Result result(right.vertex_count(), left.vertex_count());
    FusedStep step({right_model, right_surface}, {left_model, left_surface});
    step.evaluate(at_right.view(), at_left.view(), kPairs, loss, 1,
                  {result.loss.data(), result.right.writable(), result.left.writable(), result.depth_right.data(),
                   result.depth_left.data()});
    return result;
  }

  Result on_device(const Parameters& at_right, const Parameters& at_left, const DepthLoss& loss) const {
    Result result(right.vertex_count(), left.vertex_count());
    cuda::DeviceTopology topologies[2];
    cuda::DeviceHand hands[2];
    A2P_CHECK(topologies[0].upload(right_surface.view()).ok() && topologies[1].upload(left_surface.view()).ok());
    A2P_CHECK(hands[0].upload(right_model).ok() && hands[1].upload(left_model).ok());
    const cuda::DeviceSurface surfaces[2] = {{hands[0].view(), topologies[0].view()},
                                             {hands[1].view(), topologies[1].view()}};
    std::vector<unsigned char> workspace(cuda::fused_step_workspace_bytes(surfaces[0], surfaces[1], kPairs), 0xa5);
    const cuda::Status status =
        cuda::fused_step(surfaces[0], surfaces[1], at_right.view(), at_left.view(), kPairs, loss,
                         {result.loss.data(), result.right.writable(), result.left.writable(),
                          result.depth_right.data(), result.depth_left.data()},
                         workspace.data(), nullptr);
    A2P_CHECK(status.ok());
    return result;
  }
};

double largest(const std::vector<float>& values) {
  double most = 0;
  for (const float value : values) most = std::max(most, std::abs(double{value}));
  return most;
}

void check_close(const std::vector<float>& actual, const std::vector<float>& expected, double tolerance) {
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const bool is_close = std::abs(double{actual[i]} - expected[i]) <= tolerance;
    if (!is_close) std::fprintf(stderr, "%zu: %.9g, expected %.9g within %g\n", i, actual[i], expected[i], tolerance);
    A2P_CHECK(is_close);
  }
}

void check_gradients(const Parameters& actual, const Parameters& expected) {
  for (const auto member :
       {&Parameters::global_orient, &Parameters::hand_pose, &Parameters::betas, &Parameters::transl}) {
    A2P_CHECK(largest(expected.*member) > 0);
    check_close(actual.*member, expected.*member, 3e-5 * largest(expected.*member));
  }
}

void the_step_is_that_of_the_cpu() {
  const Scene scene;
  const Parameters right(kPairs, 21), left(kPairs, 22);
  for (const DepthLoss& loss :
       {DepthLoss{}, DepthLoss{DepthLossKind::kHuber, 5e-3}, DepthLoss{DepthLossKind::kGmof, 5e-3}}) {
    const Result actual = scene.on_device(right, left, loss), expected = scene.on_cpu(right, left, loss);
    check_close(actual.depth_right, expected.depth_right, 1e-7);
    check_close(actual.depth_left, expected.depth_left, 1e-7);
    for (std::size_t i = 0; i < expected.loss.size(); ++i) {
      A2P_CHECK(std::abs(actual.loss[i] - expected.loss[i]) <= 1e-5 * expected.loss[i]);
    }
    check_gradients(actual.right, expected.right);
    check_gradients(actual.left, expected.left);
  }
}

void the_order_of_threads_changes_no_bit() {
  const Scene scene;
  const Parameters right(kPairs, 31), left(kPairs, 32);
  const Result forward = scene.on_device(right, left, {});
  cuda_on_host::is_reversed = true;
  A2P_CHECK(scene.on_device(right, left, {}) == forward);
  cuda_on_host::is_reversed = false;
}

void a_pair_that_is_not_finite_has_no_answer_and_leaves_the_others_alone() {
  const Scene scene;
  const Parameters left(kPairs, 42);
  const Result expected = scene.on_device(Parameters(kPairs, 41), left, {});
  for (const float broken : {std::nanf(""), INFINITY}) {
    Parameters right(kPairs, 41);
    right.hand_pose[45 + 7] = broken;
    right.betas[2 * 10 + 9] = broken;
    const Result actual = scene.on_device(right, left, {});
    for (std::size_t pair = 0; pair < kPairs; ++pair) {
      const bool is_broken = pair == 1 || pair == 2;
      A2P_CHECK(is_broken ? std::isnan(actual.loss[pair]) : actual.loss[pair] == expected.loss[pair]);
      for (std::size_t i = 10 * pair; i < 10 * pair + 10; ++i) {
        const float value = actual.left.betas[i];
        A2P_CHECK(is_broken ? std::isnan(value) : value == expected.left.betas[i]);
      }
    }
  }
}

void hands_apart_have_no_gradient() {
  const Scene scene;
  Parameters right(kPairs, 51);
  for (float& value : right.transl) value += 10;
  const Result result = scene.on_device(right, Parameters(kPairs, 52), {});
  for (const double loss : result.loss) A2P_CHECK(loss == 0);
  A2P_CHECK(result.right == Parameters(kPairs) && result.left == Parameters(kPairs));
}

}  // namespace
}  // namespace a2p::tests

int main() {
  a2p::tests::the_step_is_that_of_the_cpu();
  a2p::tests::the_order_of_threads_changes_no_bit();
  a2p::tests::a_pair_that_is_not_finite_has_no_answer_and_leaves_the_others_alone();
  a2p::tests::hands_apart_have_no_gradient();
  return a2p::tests::failures == 0 ? 0 : 1;
}
