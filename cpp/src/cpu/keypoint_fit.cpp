#include "a2p/keypoint_fit.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "a2p/isa.h"
#include "a2p/thread_pool.h"
#include "cpu/keypoint_pair.h"
#include "cpu/keypoint_terms.h"

namespace a2p {
namespace {

// A descent takes a fraction of a millisecond: a thread is woken for so many.
constexpr std::int64_t kDescentsPerThread = 4, kPairsPerThread = 2;

HandUnknowns state_at(const HandStatesView<const double>& states, std::int64_t i) noexcept {
  HandUnknowns state;
  const double* orient = states.orient + 9 * i;
  for (int row = 0; row < 3; ++row)
    state.orient.rows[row] = {orient[3 * row], orient[3 * row + 1], orient[3 * row + 2]};
  std::copy_n(states.root + 3 * i, 3, state.root);
  std::copy_n(states.angles + kAngleCount * i, kAngleCount, state.angles);
  std::copy_n(states.betas + kBetaCount * i, kBetaCount, state.betas);
  return state;
}

void store(const Mat3<double>& rotmat, double* to) noexcept {
  for (int row = 0; row < 3; ++row) {
    to[3 * row] = rotmat.rows[row].x;
    to[3 * row + 1] = rotmat.rows[row].y;
    to[3 * row + 2] = rotmat.rows[row].z;
  }
}

void store(const HandUnknowns& state, const HandStatesView<double>& states, std::int64_t i) noexcept {
  store(state.orient, states.orient + 9 * i);
  std::copy_n(state.root, 3, states.root + 3 * i);
  std::copy_n(state.angles, kAngleCount, states.angles + kAngleCount * i);
  std::copy_n(state.betas, kBetaCount, states.betas + kBetaCount * i);
}

SeenHand seen_at(const KeypointEvidence& evidence, std::int64_t hand) noexcept {
  return {evidence.points_2d + 2 * kKeypointCount * hand, evidence.sigma_2d + 2 * hand,
          evidence.points_3d + 3 * kKeypointCount * hand, evidence.sigma_3d[hand],
          evidence.confidence + kKeypointCount * hand};
}

}  // namespace

struct KeypointFit::Scratch {
  HandScratch hand;
  Quadratic<kUnknownCount> single;
  DescentScratch<HandProblem> alone;
  DescentScratch<PairProblem> together;
};

KeypointFit::KeypointFit(HingedHandModels models, const KeypointPriors& priors)
    : models_(std::move(models)), priors_(priors), pool_([] { return std::make_unique<Scratch>(); }) {}

KeypointFit::~KeypointFit() = default;

std::int64_t KeypointFit::model_count() const noexcept {
  return static_cast<std::int64_t>(models_.at_rest.size()) / kFingerJointCount;
}

HingedHandView KeypointFit::hand_of(std::int64_t model) const noexcept {
  constexpr std::int64_t kBones = 3 * kShapeCount * kFingerJointCount, kArms = 3 * kShapeCount * kRiderCount;
  return {models_.bones.data() + kBones * model,
          models_.arms.data() + kArms * model,
          models_.axes.data() + kHingeCount * model,
          models_.at_rest.data() + kFingerJointCount * model,
          models_.arm_joint.data(),
          models_.hinges.data()};
}

void KeypointFit::pose(const std::int64_t* model, const HandStatesView<const double>& states, std::int64_t count,
                       double* points, double* jacobian, double* joint_rotmats) {
  std::unique_ptr<Scratch> scratch = pool_.acquire();
  const PosedRiders& posed = scratch->hand.posed;
  for (std::int64_t i = 0; i < count; ++i) {
    pose_riders(hand_of(model[i]), state_at(states, i), scratch->hand.posed);
    for (int rider = 0; rider < kRiderCount; ++rider) {
      const Vec3<double>& point = posed.points[rider];
      for (const double coordinate : {point.x, point.y, point.z}) *points++ = coordinate;
      for (const auto& row : posed.jacobian[rider]) jacobian = std::copy_n(row, kUnknownCount, jacobian);
    }
    for (const Mat3<double>& local : posed.local) {
      store(local, joint_rotmats);
      joint_rotmats += 9;
    }
  }
  pool_.release(std::move(scratch));
}

void KeypointFit::linearise(const KeypointEvidence& evidence, std::span<const std::int64_t> hand,
                            const HandStatesView<const double>& states, const QuadraticsView& output) {
  std::unique_ptr<Scratch> scratch = pool_.acquire();
  const Quadratic<kUnknownCount>& single = scratch->single;
  for (std::int64_t i = 0; i < static_cast<std::int64_t>(hand.size()); ++i) {
    const std::int64_t of = hand[static_cast<std::size_t>(i)];
    HandProblem problem(hand_of(evidence.model[of]), seen_at(evidence, of), priors_, active_isa(), scratch->hand);
    problem.linearise(state_at(states, i), scratch->single);
    output.cost[i] = single.cost;
    std::copy_n(single.gradient, kUnknownCount, output.gradient + kUnknownCount * i);
    double* hessian = output.hessian + kUnknownCount * kUnknownCount * i;
    for (int row = 0; row < kUnknownCount; ++row) {
      for (int column = 0; column < kUnknownCount; ++column) {
        *hessian++ = single.row(std::min(row, column))[std::max(row, column)];
      }
    }
  }
  pool_.release(std::move(scratch));
}

void KeypointFit::minimise(const KeypointEvidence& evidence, std::span<const std::int64_t> hand,
                           const HandStatesView<const double>& starts, const LevenbergMarquardtSettings& settings,
                           std::int32_t threads, const DescentsView& output) {
  const Isa isa = active_isa();
  parallel_for(static_cast<std::int64_t>(hand.size()), kDescentsPerThread, threads, [&](WorkItems& items) {
    std::unique_ptr<Scratch> scratch = pool_.acquire();
    while (const std::optional<std::int64_t> i = items.next()) {
      const std::int64_t of = hand[static_cast<std::size_t>(*i)];
      HandProblem problem(hand_of(evidence.model[of]), seen_at(evidence, of), priors_, isa, scratch->hand);
      HandUnknowns state = state_at(starts, *i);
      const Descent descent = descend(problem, settings, state, scratch->alone);
      store(state, output.states, *i);
      output.cost[*i] = descent.cost;
      output.iterations[*i] = descent.iterations;
    }
    pool_.release(std::move(scratch));
  });
}

void KeypointFit::minimise_pairs(const KeypointEvidence& evidence, std::span<const std::int64_t> hand,
                                 const HandStatesView<const double>& starts, const PairDepthsView& depths,
                                 const LevenbergMarquardtSettings& settings, std::int32_t threads,
                                 const DescentsView& output) {
  const Isa isa = active_isa();
  parallel_for(static_cast<std::int64_t>(hand.size()) / 2, kPairsPerThread, threads, [&](WorkItems& items) {
    std::unique_ptr<Scratch> scratch = pool_.acquire();
    const auto problem_of = [&](std::int64_t i) {
      const std::int64_t of = hand[static_cast<std::size_t>(i)];
      return HandProblem(hand_of(evidence.model[of]), seen_at(evidence, of), priors_, isa, scratch->hand);
    };
    while (const std::optional<std::int64_t> i = items.next()) {
      const std::int64_t first = 2 * *i, second = first + 1;
      PairProblem problem(problem_of(first), problem_of(second), depths.mean[*i], depths.sigma[*i], scratch->single);
      PairState state{{state_at(starts, first), state_at(starts, second)}};
      std::copy_n(state.hands[0].betas, kBetaCount, state.hands[1].betas);
      const Descent descent = descend(problem, settings, state, scratch->together);
      store(state.hands[0], output.states, first);
      store(state.hands[1], output.states, second);
      output.cost[*i] = descent.cost;
      output.iterations[*i] = descent.iterations;
    }
    pool_.release(std::move(scratch));
  });
}

}  // namespace a2p
