// Damped least squares inside box limits: Levenberg-Marquardt with Marquardt's scaling (Marquardt, 1963; Nocedal and
// Wright, Numerical Optimization, sec. 10.3). Unknowns that press against a limit leave the step (Bertsekas, 1982,
// projected Newton). The same algorithm as a2p/alignment/levenberg_marquardt.py.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <utility>

namespace a2p {

// When the solver stops and how it damps.
struct LevenbergMarquardtSettings {
  std::int32_t max_iterations;  // evaluations after the first
  double tolerance;             // a problem rests once a step lowers its cost by less than this share of it
  double initial_damping;       // share of the Hessian's diagonal that the first step adds to it
};

// Half the sum of squared residuals about a state. Rows of the Hessian are kStride long; only its upper triangle is
// set.
template <int unknowns>
struct Quadratic {
  static constexpr int kUnknowns = unknowns;
  static constexpr int kStride = (unknowns + 7) / 8 * 8;

  double* row(int i) noexcept { return hessian + kStride * i; }
  const double* row(int i) const noexcept { return hessian + kStride * i; }

  double cost;
  double gradient[unknowns];
  alignas(64) double hessian[kStride * kStride];
};

// Where the solver stopped.
struct Descent {
  double cost;
  std::int32_t iterations;
};

// Memory of one descent, reusable.
template <typename Problem>
struct DescentScratch {
  using Model = Quadratic<Problem::kUnknowns>;

  Model models[2];  // about the state and about the one tried
  typename Problem::State trial;
  bool is_held[Problem::kUnknowns];
  double step[Problem::kUnknowns];
  double damped[Model::kStride * Problem::kUnknowns];
};

// Replaces the upper triangle of a matrix by its Cholesky factor U, matrix = U^T U. Returns whether it is positive
// definite; where it is not, it is spoiled.
template <int size, int stride>
bool factorise(double* matrix) noexcept {
  for (int k = 0; k < size; ++k) {
    double* pivot = matrix + stride * k;
    if (!(pivot[k] > 0) || !(pivot[k] <= std::numeric_limits<double>::max())) return false;
    const double scale = 1 / std::sqrt(pivot[k]);
    for (int j = k; j < size; ++j) pivot[j] *= scale;
    for (int i = k + 1; i < size; ++i) {
      double* row = matrix + stride * i;
      const double share = pivot[i];
      for (int j = i; j < size; ++j) row[j] -= share * pivot[j];
    }
  }
  return true;
}

// Solves U^T U x = x in place.
template <int size, int stride>
void solve_factorised(const double* factor, double* x) noexcept {
  for (int i = 0; i < size; ++i) {
    const double* row = factor + stride * i;
    x[i] /= row[i];
    for (int j = i + 1; j < size; ++j) x[j] -= row[j] * x[i];
  }
  for (int i = size - 1; i >= 0; --i) {
    const double* row = factor + stride * i;
    for (int j = i + 1; j < size; ++j) x[i] -= row[j] * x[j];
    x[i] /= row[i];
  }
}

// Writes the step of the unknowns that are not held. Returns whether the damped Hessian is positive definite.
template <typename Problem>
bool damped_step(const Quadratic<Problem::kUnknowns>& model, double damping,
                 DescentScratch<Problem>& scratch) noexcept {
  constexpr double kRidge = 1e-9;  // so that unknowns which no residual sees stay where they are
  constexpr int kUnknowns = Problem::kUnknowns, kStride = Quadratic<kUnknowns>::kStride;
  for (int i = 0; i < kUnknowns; ++i) {
    const double* from = model.row(i);
    double* to = scratch.damped + kStride * i;
    for (int j = i; j < kUnknowns; ++j) to[j] = scratch.is_held[i] || scratch.is_held[j] ? 0 : from[j];
    to[i] = scratch.is_held[i] ? 1 : from[i] + damping * from[i] + kRidge;
    scratch.step[i] = scratch.is_held[i] ? 0 : -model.gradient[i];
  }
  if (!factorise<kUnknowns, kStride>(scratch.damped)) return false;
  solve_factorised<kUnknowns, kStride>(scratch.damped, scratch.step);
  return true;
}

// Moves `state` to the best that its steps reach. The cost never rises, and the state stays finite if it was.
//
// A Problem has kUnknowns, a copyable State, and, all noexcept:
//   linearise(state, quadratic)          fills the model about a state;
//   find_held(state, gradient, is_held)  flags unknowns at a limit that the cost pushes them against;
//   move(state, step)                    takes a step, inside the limits.
template <typename Problem>
Descent descend(Problem& problem, const LevenbergMarquardtSettings& settings, typename Problem::State& state,
                DescentScratch<Problem>& scratch) noexcept {
  constexpr double kLeastDamping = 1e-7, kMostDamping = 1e8;
  auto *model = &scratch.models[0], *other = &scratch.models[1];
  problem.linearise(state, *model);
  double damping = settings.initial_damping;
  std::int32_t iterations = 0;
  bool is_done = false;
  while (iterations < settings.max_iterations && !is_done) {
    ++iterations;
    problem.find_held(state, model->gradient, scratch.is_held);
    bool is_accepted = false;
    if (damped_step(*model, damping, scratch)) {
      scratch.trial = state;
      problem.move(scratch.trial, scratch.step);
      problem.linearise(scratch.trial, *other);
      double promised = 0;
      for (int i = 0; i < Problem::kUnknowns; ++i) promised -= 0.5 * model->gradient[i] * scratch.step[i];
      const double gain = model->cost - other->cost, little = settings.tolerance * model->cost;
      is_accepted = gain > 0;
      is_done = promised <= little || (is_accepted && gain <= little);
    }
    is_done = is_done || damping >= kMostDamping;
    damping = std::clamp(is_accepted ? damping / 6 : damping * 4, kLeastDamping, kMostDamping);
    if (is_accepted) {
      state = scratch.trial;
      std::swap(model, other);
    }
  }
  return {model->cost, iterations};
}

}  // namespace a2p
