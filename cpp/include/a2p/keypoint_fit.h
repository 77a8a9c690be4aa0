// Hands fitted to keypoints: damped least squares over pose, shape and place. The definition is
// a2p/alignment/keypoint_terms.py; the residuals are those of its KeypointProblem and of hand_pair.py's PairProblem.
#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "a2p/hinged_hand.h"
#include "a2p/levenberg_marquardt.h"
#include "a2p/scratch_pool.h"

namespace a2p {

inline constexpr int kKeypointCount = kRiderCount / 2;

// Hands of several models at rest, one model after the other; see HingedHandView.
struct HingedHandModels {
  std::vector<double> bones;            // (model, 15, 3, 11)
  std::vector<double> arms;             // (model, 42, 3, 11)
  std::vector<Vec3<double>> axes;       // (model, 15, 3)
  std::vector<Mat3<double>> at_rest;    // (model, 15)
  std::vector<std::int64_t> arm_joint;  // (42)
  std::vector<std::int64_t> hinges;     // (22)
};

// How usual a pose and a shape are, and how far evidence is trusted.
struct KeypointPriors {
  double angle_mean[kAngleCount];
  double angle_precision[kAngleCount][kAngleCount];  // symmetric
  double angle_lower[kAngleCount], angle_upper[kAngleCount];
  double beta_precision;
  double size_sigma;  // standard deviation of the relative points' scale, as a share
  double robust_2d;   // distances beyond this many standard deviations count as outliers
  double robust_3d;
};

// What was seen of n hands.
struct KeypointEvidence {
  const std::int64_t* model;  // (n) which of the models each is
  const double* points_2d;    // (n, 21, 2) x/z, y/z
  const double* sigma_2d;     // (n, 2)
  const double* points_3d;    // (n, 21, 3) m, camera axes, centred
  const double* sigma_3d;     // (n) m; infinite where there are none
  const double* confidence;   // (n, 21)
};

// The unknowns of a batch of hands, as arrays of T.
template <typename T>
struct HandStatesView {
  T* orient;  // (m, 3, 3)
  T* root;    // (m, 3)
  T* angles;  // (m, 22)
  T* betas;   // (m, 10)
};

// Linearisations of m hands, as arrays; the whole symmetric Hessian.
struct QuadraticsView {
  double* cost;      // (m)
  double* gradient;  // (m, 38)
  double* hessian;   // (m, 38, 38)
};

// Two hands of one person at a time: the wrists' log depths differ, second minus first, by about this.
struct PairDepthsView {
  const double* mean;   // (q)
  const double* sigma;  // (q)
};

// Where descents stopped.
struct DescentsView {
  HandStatesView<double> states;
  double* cost;
  std::int32_t* iterations;
};

// Any number of calls may run at once; memory is kept between them, so a warm call does not allocate. In every call
// state i is one of the hand `hand[i]` of the evidence. The number of threads (0: the default) does not change a bit.
//
// Requires finite numbers, positive sigmas and indices in range.
class KeypointFit {
 public:
  KeypointFit(HingedHandModels models, const KeypointPriors& priors);
  ~KeypointFit();

  // Writes riding points (m, 42, 3), their derivatives (m, 42, 3, 38) and the finger joints' rotations (m, 15, 3, 3) of
  // hands of these models.
  void pose(const std::int64_t* model, const HandStatesView<const double>& states, std::int64_t count, double* points,
            double* jacobian, double* joint_rotmats);

  void linearise(const KeypointEvidence& evidence, std::span<const std::int64_t> hand,
                 const HandStatesView<const double>& states, const QuadraticsView& output);

  // Descends from every state by itself.
  void minimise(const KeypointEvidence& evidence, std::span<const std::int64_t> hand,
                const HandStatesView<const double>& starts, const LevenbergMarquardtSettings& settings,
                std::int32_t threads, const DescentsView& output);

  // The same for states 2i and 2i + 1 together, which share the betas of state 2i. Cost and iterations are one a pair.
  void minimise_pairs(const KeypointEvidence& evidence, std::span<const std::int64_t> hand,
                      const HandStatesView<const double>& starts, const PairDepthsView& depths,
                      const LevenbergMarquardtSettings& settings, std::int32_t threads, const DescentsView& output);

  std::int64_t model_count() const noexcept;

 private:
  struct Scratch;

  HingedHandView hand_of(std::int64_t model) const noexcept;

  HingedHandModels models_;
  KeypointPriors priors_;
  ScratchPool<Scratch> pool_;
};

}  // namespace a2p
