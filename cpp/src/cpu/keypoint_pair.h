// The least-squares problem of two hands of one person: one shape for both, and depths that are likely.
#pragma once
#include "cpu/keypoint_terms.h"

namespace a2p {

struct PairState {
  HandUnknowns hands[2];  // with equal betas
};

// Columns: the first hand's own, the second's own, the shared betas.
class PairProblem {
 public:
  static constexpr int kPerHand = kBetaColumn;
  static constexpr int kUnknowns = 2 * kPerHand + kBetaCount;
  using State = PairState;

  // The wrists' log depths differ, second minus first, by about `depth_mean`.
  PairProblem(const HandProblem& first, const HandProblem& second, double depth_mean, double depth_sigma,
              Quadratic<kUnknownCount>& scratch) noexcept
      : hands_{first, second}, depth_mean_(depth_mean), depth_sigma_(depth_sigma), single_(scratch) {}

  void linearise(const PairState& state, Quadratic<kUnknowns>& quadratic) noexcept;
  void find_held(const PairState& state, const double* gradient, bool* is_held) const noexcept;
  void move(PairState& state, const double* step) const noexcept;

 private:
  void add_hand(int hand, Quadratic<kUnknowns>& quadratic) const noexcept;
  void count_shape_once(const PairState& state, Quadratic<kUnknowns>& quadratic) const noexcept;
  void tie_depths(const PairState& state, Quadratic<kUnknowns>& quadratic) const noexcept;

  HandProblem hands_[2];
  double depth_mean_, depth_sigma_;
  Quadratic<kUnknownCount>& single_;
};

}  // namespace a2p
