#include "cpu/keypoint_pair.h"

#include <algorithm>
#include <iterator>

namespace a2p {
namespace {

constexpr int kPerHand = PairProblem::kPerHand, kShared = 2 * kPerHand;

// Copies the columns of the pair that belong to one hand.
void gather(const double* pair, int hand, double* single) noexcept {
  std::copy(pair + kPerHand * hand, pair + kPerHand * (hand + 1), single);
  std::copy(pair + kShared, pair + kShared + kBetaCount, single + kPerHand);
}

}  // namespace

void PairProblem::linearise(const PairState& state, Quadratic<kUnknowns>& quadratic) noexcept {
  quadratic.cost = 0;
  std::fill(std::begin(quadratic.gradient), std::end(quadratic.gradient), 0.0);
  std::fill(std::begin(quadratic.hessian), std::end(quadratic.hessian), 0.0);
  for (int hand = 0; hand < 2; ++hand) {
    hands_[hand].linearise(state.hands[hand], single_);
    add_hand(hand, quadratic);
  }
  count_shape_once(state, quadratic);
  tie_depths(state, quadratic);
}

void PairProblem::add_hand(int hand, Quadratic<kUnknowns>& quadratic) const noexcept {
  const auto column = [hand](int i) { return i < kPerHand ? kPerHand * hand + i : kShared + i - kPerHand; };
  quadratic.cost += single_.cost;
  for (int i = 0; i < kUnknownCount; ++i) {
    quadratic.gradient[column(i)] += single_.gradient[i];
    double* row = quadratic.row(column(i));
    for (int j = i; j < kUnknownCount; ++j) row[column(j)] += single_.row(i)[j];
  }
}

// Takes the second hand's shape prior out again.
void PairProblem::count_shape_once(const PairState& state, Quadratic<kUnknowns>& quadratic) const noexcept {
  const double precision = hands_[0].beta_precision();
  for (int i = 0; i < kBetaCount; ++i) {
    const double beta = state.hands[0].betas[i];
    quadratic.cost -= 0.5 * precision * beta * beta;
    quadratic.gradient[kShared + i] -= precision * beta;
    quadratic.row(kShared + i)[kShared + i] -= precision;
  }
}

void PairProblem::tie_depths(const PairState& state, Quadratic<kUnknowns>& quadratic) const noexcept {
  constexpr int kFirst = kRootColumn + 2, kSecond = kPerHand + kFirst;
  const double difference = state.hands[1].root[2] - state.hands[0].root[2] - depth_mean_;
  const double precision = 1 / (depth_sigma_ * depth_sigma_);
  quadratic.cost += 0.5 * precision * difference * difference;
  quadratic.gradient[kFirst] -= precision * difference;
  quadratic.gradient[kSecond] += precision * difference;
  quadratic.row(kFirst)[kFirst] += precision;
  quadratic.row(kSecond)[kSecond] += precision;
  quadratic.row(kFirst)[kSecond] -= precision;
}

void PairProblem::find_held(const PairState& state, const double* gradient, bool* is_held) const noexcept {
  for (int hand = 1; hand >= 0; --hand) {  // the shared betas are judged as the first hand's
    double own_gradient[kUnknownCount];
    bool own_held[kUnknownCount];
    gather(gradient, hand, own_gradient);
    hands_[hand].find_held(state.hands[hand], own_gradient, own_held);
    std::copy(own_held, own_held + kPerHand, is_held + kPerHand * hand);
    std::copy(own_held + kPerHand, own_held + kUnknownCount, is_held + kShared);
  }
}

void PairProblem::move(PairState& state, const double* step) const noexcept {
  for (int hand = 0; hand < 2; ++hand) {
    double own_step[kUnknownCount];
    gather(step, hand, own_step);
    hands_[hand].move(state.hands[hand], own_step);
  }
}

}  // namespace a2p
