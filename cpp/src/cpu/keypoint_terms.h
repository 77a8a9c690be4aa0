// The least-squares problem of one hand: how well it explains what was seen, and how usual it is.
#pragma once
#include "a2p/hinged_hand.h"
#include "a2p/isa.h"
#include "a2p/keypoint_fit.h"
#include "a2p/levenberg_marquardt.h"
#include "cpu/normal_equations_kernel.h"

namespace a2p {

// What was seen of one hand; see KeypointEvidence.
struct SeenHand {
  const double* points_2d;
  const double* sigma_2d;
  const double* points_3d;
  double sigma_3d;
  const double* confidence;
};

// Weighted rows of the Jacobian, each followed by its residual.
struct TermRows {
  static constexpr int kResidualColumn = kUnknownCount;

  alignas(64) double rows[(2 + 3) * kKeypointCount + 1][kNormalColumns];
  int count;
};

struct HandScratch {
  PosedRiders posed;
  TermRows terms;
};

class HandProblem {
 public:
  static constexpr int kUnknowns = kUnknownCount;
  using State = HandUnknowns;

  HandProblem(const HingedHandView& hand, const SeenHand& seen, const KeypointPriors& priors, Isa isa,
              HandScratch& scratch) noexcept
      : hand_(hand), seen_(seen), priors_(priors), isa_(isa), scratch_(scratch) {}

  void linearise(const HandUnknowns& state, Quadratic<kUnknowns>& quadratic) noexcept;
  void find_held(const HandUnknowns& state, const double* gradient, bool* is_held) const noexcept;
  void move(HandUnknowns& state, const double* step) const noexcept;

  double beta_precision() const noexcept { return priors_.beta_precision; }

 private:
  double add_image_term() noexcept;
  double add_space_term() noexcept;
  double add_priors(const HandUnknowns& state, Quadratic<kUnknowns>& quadratic) const noexcept;

  HingedHandView hand_;
  SeenHand seen_;
  const KeypointPriors& priors_;
  Isa isa_;
  HandScratch& scratch_;
};

}  // namespace a2p
