#include "cpu/keypoint_terms.h"

#include <algorithm>
#include <cmath>

namespace a2p {
namespace {

constexpr double kRayLimit = 4;       // the wrist stays within 76 degrees of the camera's axis
constexpr double kLogDepthLimit = 3;  // and between 5 cm and 20 m from the camera
constexpr double kBetaLimit = 4;
constexpr double kLeastDepth = 0.02;  // nearer keypoints (m) are projected from here
constexpr double kLeastEnergy = 1e-12;
constexpr int kStride = PosedRiders::kStride;

static_assert(kStride == kNormalColumns && Quadratic<kUnknownCount>::kStride == kNormalColumns);

struct Robust {
  double loss;
  double weight;
};

// Geman and McClure's loss of a squared residual, and the weight that reweighted least squares gives it.
Robust robust(double squared, double scale) noexcept {
  const double share = 1 / (1 + squared / (scale * scale));
  return {squared * share, share * share};
}

// The box that the root lies in.
double root_limit(int axis) noexcept { return axis == 2 ? kLogDepthLimit : kRayLimit; }

bool presses(double value, double lower, double upper, double slope) noexcept {
  return (value <= lower && slope > 0) || (value >= upper && slope < 0);
}

// The mean of the relative points and of their derivatives.
struct Centre {
  double point[3];
  double jacobian[3][kStride];
};

void find_centre(const PosedRiders& posed, Centre& centre) noexcept {
  centre = {};
  for (int k = kKeypointCount; k < kRiderCount; ++k) {
    const double point[3] = {posed.points[k].x, posed.points[k].y, posed.points[k].z};
    for (int axis = 0; axis < 3; ++axis) {
      centre.point[axis] += point[axis];
      for (int j = 0; j < kUnknownCount; ++j) centre.jacobian[axis][j] += posed.jacobian[k][axis][j];
    }
  }
  for (int axis = 0; axis < 3; ++axis) {
    centre.point[axis] /= kKeypointCount;
    for (int j = 0; j < kUnknownCount; ++j) centre.jacobian[axis][j] /= kKeypointCount;
  }
}

// The seen shape's scale that fits the posed one best.
struct Scale {
  double value;
  double jacobian[kStride];
};

void find_scale(const PosedRiders& posed, const Centre& centre, const double* seen, Scale& scale) noexcept {
  scale = {};
  double energy = 0;
  for (int k = 0; k < kKeypointCount; ++k) {
    const Vec3<double>& p = posed.points[kKeypointCount + k];
    const double point[3] = {p.x, p.y, p.z};
    for (int axis = 0; axis < 3; ++axis) {
      const double weight = seen[3 * k + axis];
      const double* jacobian = posed.jacobian[kKeypointCount + k][axis];
      energy += weight * weight;
      scale.value += (point[axis] - centre.point[axis]) * weight;
      for (int j = 0; j < kUnknownCount; ++j) scale.jacobian[j] += (jacobian[j] - centre.jacobian[axis][j]) * weight;
    }
  }
  energy = std::max(energy, kLeastEnergy);
  scale.value /= energy;
  for (int j = 0; j < kUnknownCount; ++j) scale.jacobian[j] /= energy;
}

}  // namespace

void HandProblem::linearise(const HandUnknowns& state, Quadratic<kUnknowns>& quadratic) noexcept {
  pose_riders(hand_, state, scratch_.posed);
  scratch_.terms.count = 0;
  double cost = add_image_term();
  if (std::isfinite(seen_.sigma_3d)) cost += add_space_term();
  A2P_DISPATCH(isa_, normal_equations, scratch_.terms.rows[0], scratch_.terms.count, quadratic.hessian);
  for (int i = 0; i < kUnknowns; ++i) quadratic.gradient[i] = quadratic.row(i)[TermRows::kResidualColumn];
  quadratic.cost = cost + add_priors(state, quadratic);
}

double HandProblem::add_image_term() noexcept {
  double cost = 0;
  for (int k = 0; k < kKeypointCount; ++k) {
    const Vec3<double>& point = scratch_.posed.points[k];
    const auto& jacobian = scratch_.posed.jacobian[k];
    const double depth = std::max(point.z, kLeastDepth), depth_slope = point.z > kLeastDepth ? 1 : 0;
    const double ray[2] = {point.x / depth, point.y / depth};
    const double residual[2] = {(ray[0] - seen_.points_2d[2 * k]) / seen_.sigma_2d[0],
                                (ray[1] - seen_.points_2d[2 * k + 1]) / seen_.sigma_2d[1]};
    const Robust r = robust(residual[0] * residual[0] + residual[1] * residual[1], priors_.robust_2d);
    const double root = std::sqrt(r.weight * seen_.confidence[k]);
    cost += 0.5 * r.loss * seen_.confidence[k];
    for (int axis = 0; axis < 2; ++axis) {
      double* row = scratch_.terms.rows[scratch_.terms.count++];
      const double scale = root / (seen_.sigma_2d[axis] * depth), by_depth = ray[axis] * depth_slope;
      for (int j = 0; j < kUnknowns; ++j) row[j] = (jacobian[axis][j] - by_depth * jacobian[2][j]) * scale;
      row[TermRows::kResidualColumn] = residual[axis] * root;
    }
  }
  return cost;
}

// Compares shapes about their centres; the seen shape's scale counts apart, as far as it is trusted.
double HandProblem::add_space_term() noexcept {
  Centre centre;
  find_centre(scratch_.posed, centre);
  Scale scale;
  find_scale(scratch_.posed, centre, seen_.points_3d, scale);
  double cost = 0;
  for (int k = 0; k < kKeypointCount; ++k) {
    const Vec3<double>& p = scratch_.posed.points[kKeypointCount + k];
    const double point[3] = {p.x, p.y, p.z};
    const double* seen = seen_.points_3d + 3 * k;
    double residual[3], squared = 0;
    for (int axis = 0; axis < 3; ++axis) {
      residual[axis] = (point[axis] - centre.point[axis] - scale.value * seen[axis]) / seen_.sigma_3d;
      squared += residual[axis] * residual[axis];
    }
    const Robust r = robust(squared, priors_.robust_3d);
    const double root = std::sqrt(r.weight * seen_.confidence[k]), share = root / seen_.sigma_3d;
    cost += 0.5 * r.loss * seen_.confidence[k];
    for (int axis = 0; axis < 3; ++axis) {
      double* row = scratch_.terms.rows[scratch_.terms.count++];
      const double* jacobian = scratch_.posed.jacobian[kKeypointCount + k][axis];
      for (int j = 0; j < kUnknowns; ++j) {
        row[j] = (jacobian[j] - centre.jacobian[axis][j] - seen[axis] * scale.jacobian[j]) * share;
      }
      row[TermRows::kResidualColumn] = residual[axis] * root;
    }
  }
  double* row = scratch_.terms.rows[scratch_.terms.count++];
  const double size = (scale.value - 1) / priors_.size_sigma;
  for (int j = 0; j < kUnknowns; ++j) row[j] = scale.jacobian[j] / priors_.size_sigma;
  row[TermRows::kResidualColumn] = size;
  return cost + 0.5 * size * size;
}

double HandProblem::add_priors(const HandUnknowns& state, Quadratic<kUnknowns>& quadratic) const noexcept {
  double cost = 0, offset[kAngleCount];
  for (int i = 0; i < kAngleCount; ++i) offset[i] = state.angles[i] - priors_.angle_mean[i];
  for (int i = 0; i < kAngleCount; ++i) {
    double pull = 0;
    for (int j = 0; j < kAngleCount; ++j) pull += priors_.angle_precision[i][j] * offset[j];
    cost += 0.5 * offset[i] * pull;
    quadratic.gradient[kAngleColumn + i] += pull;
    double* row = quadratic.row(kAngleColumn + i) + kAngleColumn;
    for (int j = i; j < kAngleCount; ++j) row[j] += priors_.angle_precision[i][j];
  }
  for (int i = 0; i < kBetaCount; ++i) {
    cost += 0.5 * priors_.beta_precision * state.betas[i] * state.betas[i];
    quadratic.gradient[kBetaColumn + i] += priors_.beta_precision * state.betas[i];
    quadratic.row(kBetaColumn + i)[kBetaColumn + i] += priors_.beta_precision;
  }
  return cost;
}

void HandProblem::find_held(const HandUnknowns& state, const double* gradient, bool* is_held) const noexcept {
  std::fill(is_held, is_held + kRootColumn, false);
  for (int i = 0; i < 3; ++i) {
    const int column = kRootColumn + i;
    is_held[column] = presses(state.root[i], -root_limit(i), root_limit(i), gradient[column]);
  }
  for (int i = 0; i < kAngleCount; ++i) {
    const int column = kAngleColumn + i;
    is_held[column] = presses(state.angles[i], priors_.angle_lower[i], priors_.angle_upper[i], gradient[column]);
  }
  for (int i = 0; i < kBetaCount; ++i) {
    const int column = kBetaColumn + i;
    is_held[column] = presses(state.betas[i], -kBetaLimit, kBetaLimit, gradient[column]);
  }
}

void HandProblem::move(HandUnknowns& state, const double* step) const noexcept {
  a2p::move(state, step);
  for (int i = 0; i < 3; ++i) state.root[i] = std::clamp(state.root[i], -root_limit(i), root_limit(i));
  for (int i = 0; i < kAngleCount; ++i) {
    state.angles[i] = std::clamp(state.angles[i], priors_.angle_lower[i], priors_.angle_upper[i]);
  }
  for (double& beta : state.betas) beta = std::clamp(beta, -kBetaLimit, kBetaLimit);
}

}  // namespace a2p
