// Damped least squares of small problems, and hands made of random numbers fitted to their own keypoints.
#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include "a2p/keypoint_fit.h"
#include "a2p/kinematics.h"
#include "check.h"

namespace {

using a2p::Mat3;
using a2p::Vec3;

constexpr a2p::LevenbergMarquardtSettings kTight{200, 0, 1e-2};
constexpr double kInfinity = std::numeric_limits<double>::infinity();

struct Point {
  double x[2];
};

// Half of (1 - x)^2 + 100 (y - x^2)^2, whose valley is curved, with x inside a bound.
struct Rosenbrock {
  static constexpr int kUnknowns = 2;
  using State = Point;

  void linearise(const Point& p, a2p::Quadratic<2>& q) const noexcept {
    const double residual[2] = {1 - p.x[0], 10 * (p.x[1] - p.x[0] * p.x[0])};
    const double rows[2][2] = {{-1, 0}, {-20 * p.x[0], 10}};
    q.cost = (residual[0] * residual[0] + residual[1] * residual[1]) / 2;
    for (int i = 0; i < 2; ++i) {
      q.gradient[i] = rows[0][i] * residual[0] + rows[1][i] * residual[1];
      for (int j = i; j < 2; ++j) q.row(i)[j] = rows[0][i] * rows[0][j] + rows[1][i] * rows[1][j];
    }
  }
  void find_held(const Point& p, const double* gradient, bool* is_held) const noexcept {
    is_held[0] = (p.x[0] >= bound && gradient[0] < 0) || (p.x[0] <= -bound && gradient[0] > 0);
    is_held[1] = false;
  }
  void move(Point& p, const double* step) const noexcept {
    p.x[0] = std::clamp(p.x[0] + step[0], -bound, bound);
    p.x[1] += step[1];
  }

  double bound = kInfinity;
};

// Whose Hessian is never positive definite, or whose cost is no number away from the start.
struct Broken : Rosenbrock {
  void linearise(const Point& p, a2p::Quadratic<2>& q) const noexcept {
    q.cost = p.x[0] == 0 ? 1 : std::numeric_limits<double>::quiet_NaN();
    for (int i = 0; i < 2; ++i) {
      q.gradient[i] = 1;
      for (int j = i; j < 2; ++j) q.row(i)[j] = i == j ? diagonal : 0;
    }
  }

  double diagonal = 1;
};

void test_small_problems() {
  const auto scratch = std::make_unique<a2p::DescentScratch<Rosenbrock>>();
  Point point{{-1.2, 1}};
  Rosenbrock problem;
  const a2p::Descent descent = a2p::descend(problem, kTight, point, *scratch);
  A2P_CHECK(std::abs(point.x[0] - 1) < 1e-9 && std::abs(point.x[1] - 1) < 1e-9 && descent.cost < 1e-18);
  A2P_CHECK(descent.iterations > 3 && descent.iterations < 200);

  Rosenbrock boxed{0.5};
  point = {{-0.4, 1}};
  A2P_CHECK(std::abs(a2p::descend(boxed, kTight, point, *scratch).cost - 0.125) < 1e-12);
  A2P_CHECK(point.x[0] == 0.5 && std::abs(point.x[1] - 0.25) < 1e-9);
}

void test_broken_problems() {
  const auto scratch = std::make_unique<a2p::DescentScratch<Broken>>();
  for (const double diagonal : {1.0, 0.0, -1.0, -kInfinity, kInfinity, std::numeric_limits<double>::quiet_NaN()}) {
    Point point{{0, 0.5}};
    Broken problem;
    problem.diagonal = diagonal;
    const a2p::Descent descent = a2p::descend(problem, {1000, 1e-3, 1e-2}, point, *scratch);
    A2P_CHECK(point.x[0] == 0 && point.x[1] == 0.5 && descent.cost == 1);
    A2P_CHECK(descent.iterations < 100);
  }
}

std::vector<double> normals(std::size_t count, double scale, std::mt19937& random) {
  std::normal_distribution<double> normal(0, scale);
  std::vector<double> values(count);
  for (double& value : values) value = normal(random);
  return values;
}

// Two hands: random bones of some centimetres, unit axes, keypoints near their joints.
a2p::HingedHandModels models() {
  std::mt19937 random(3);
  a2p::HingedHandModels hands;
  hands.bones = normals(2 * 15 * 3 * 11, 0.004, random);
  hands.arms = normals(2 * 42 * 3 * 11, 0.004, random);
  for (std::size_t i = 0; i < hands.bones.size(); i += 11) hands.bones[i] *= 8;
  for (std::size_t i = 0; i < hands.arms.size(); i += 11) hands.arms[i] *= 8;
  for (int i = 0; i < 2 * 15; ++i) {
    const std::vector<double> v = normals(3, 1, random);
    hands.at_rest.push_back(a2p::rotmat_from_rotvec(Vec3<double>{v[0], v[1], v[2]}));
    for (const Vec3<double>& axis : hands.at_rest.back().rows) hands.axes.push_back(axis);
  }
  for (int i = 0; i < 42; ++i) hands.arm_joint.push_back(i % 16);
  for (int i = 0; i < 22; ++i) hands.hinges.push_back(2 * i);
  return hands;
}

a2p::KeypointPriors priors() {
  a2p::KeypointPriors priors{};
  for (int i = 0; i < a2p::kAngleCount; ++i) {
    priors.angle_precision[i][i] = 0.1 + 0.01 * i;
    priors.angle_mean[i] = 0.02 * i;
    priors.angle_lower[i] = -0.4;
    priors.angle_upper[i] = 0.6;
  }
  priors.beta_precision = 1;
  priors.size_sigma = 0.1;
  priors.robust_2d = 5;
  priors.robust_3d = 2;
  return priors;
}

struct States {
  explicit States(std::int64_t count) : orient(9 * count), root(3 * count), angles(22 * count), betas(10 * count) {}
  States(std::int64_t count, unsigned seed) : States(count) {
    std::mt19937 random(seed);
    root = normals(root.size(), 0.1, random);
    angles = normals(angles.size(), 0.2, random);
    betas = normals(betas.size(), 0.5, random);
    const std::vector<double> turns = normals(root.size(), 0.5, random);
    for (std::int64_t i = 0; i < count; ++i) {
      const double* v = turns.data() + 3 * i;
      const Mat3<double> orient_rotmat = a2p::rotmat_from_rotvec(Vec3<double>{v[0], v[1], v[2]});
      for (int row = 0; row < 3; ++row) {
        double* to = orient.data() + 9 * i + 3 * row;
        to[0] = orient_rotmat.rows[row].x, to[1] = orient_rotmat.rows[row].y, to[2] = orient_rotmat.rows[row].z;
      }
    }
  }

  a2p::HandStatesView<const double> view() const { return {orient.data(), root.data(), angles.data(), betas.data()}; }
  a2p::HandStatesView<double> writable() { return {orient.data(), root.data(), angles.data(), betas.data()}; }
  bool operator==(const States&) const = default;

  std::vector<double> orient, root, angles, betas;
};

// The keypoints of random states, every third hand without relative points.
struct Seen {
  Seen(a2p::KeypointFit& fit, std::int64_t count, unsigned seed) : truth(count, seed) {
    std::vector<double> points(126 * count), jacobian(126 * 38 * count), rotmats(135 * count);
    for (std::int64_t i = 0; i < count; ++i) {
      model.push_back(i % 2);
      hand.push_back(i);
      sigma_3d.push_back(i % 3 == 2 ? kInfinity : 0.01);
    }
    fit.pose(model.data(), truth.view(), count, points.data(), jacobian.data(), rotmats.data());
    for (std::int64_t i = 0; i < count; ++i) {
      for (int k = 0; k < 21; ++k) {
        const double* p = points.data() + 126 * i + 3 * k;
        points_2d.push_back(p[0] / p[2]);
        points_2d.push_back(p[1] / p[2]);
        confidence.push_back(k == 5 ? 0 : 1);
      }
      const double* p = points.data() + 126 * i + 63;
      points_3d.insert(points_3d.end(), p, p + 63);
    }
    sigma_2d.assign(static_cast<std::size_t>(2 * count), 0.003);
  }

  a2p::KeypointEvidence view() const {
    return {model.data(), points_2d.data(), sigma_2d.data(), points_3d.data(), sigma_3d.data(), confidence.data()};
  }

  States truth;
  std::vector<std::int64_t> model, hand;
  std::vector<double> points_2d, sigma_2d, points_3d, sigma_3d, confidence;
};

constexpr std::int64_t kHands = 12;

void test_gradient_against_differences() {
  a2p::KeypointFit fit(models(), priors());
  const Seen seen(fit, kHands, 1);
  const States states(kHands, 2);
  std::vector<double> cost(kHands), gradient(38 * kHands), hessian(38 * 38 * kHands), ignored(gradient);
  const auto linearise = [&](const States& at, std::vector<double>& costs, std::vector<double>& gradients) {
    fit.linearise(seen.view(), seen.hand, at.view(), {costs.data(), gradients.data(), hessian.data()});
  };
  linearise(states, cost, gradient);
  constexpr double kStep = 1e-6;
  double worst = 0;
  for (std::int64_t i = 0; i < kHands; ++i) {
    for (int j = 3; j < 38; ++j) {  // the rotation's columns are tested where chains are
      double costs[2];
      for (const int side : {0, 1}) {
        States moved = states;
        double* at = j < 6    ? &moved.root[static_cast<std::size_t>(3 * i + j - 3)]
                     : j < 28 ? &moved.angles[static_cast<std::size_t>(22 * i + j - 6)]
                              : &moved.betas[static_cast<std::size_t>(10 * i + j - 28)];
        *at += side == 0 ? -kStep : kStep;
        std::vector<double> all(kHands);
        linearise(moved, all, ignored);
        costs[side] = all[static_cast<std::size_t>(i)];
      }
      const double difference = (costs[1] - costs[0]) / (2 * kStep);
      const double size = 1 + std::abs(cost[static_cast<std::size_t>(i)]);
      worst = std::max(worst, std::abs(difference - gradient[static_cast<std::size_t>(38 * i + j)]) / size);
    }
  }
  A2P_CHECK(worst < 1e-6);
}

struct Reached {
  explicit Reached(std::int64_t count)
      : states(count), cost(static_cast<std::size_t>(count)), iterations(static_cast<std::size_t>(count)) {}

  a2p::DescentsView view() { return {states.writable(), cost.data(), iterations.data()}; }
  bool operator==(const Reached&) const = default;

  States states;
  std::vector<double> cost;
  std::vector<std::int32_t> iterations;
};

void test_descents() {
  a2p::KeypointFit fit(models(), priors());
  const Seen seen(fit, kHands, 4);
  const States starts(kHands, 5);
  const a2p::LevenbergMarquardtSettings settings{30, 1e-4, 1e-2};
  Reached first(kHands), alone(kHands), none(kHands);
  fit.minimise(seen.view(), seen.hand, starts.view(), {0, 0, 1e-2}, 1, none.view());
  fit.minimise(seen.view(), seen.hand, starts.view(), settings, 1, first.view());
  A2P_CHECK(none.states == starts);
  for (std::size_t i = 0; i < kHands; ++i) {
    A2P_CHECK(first.cost[i] < none.cost[i] && first.iterations[i] > 0 && none.iterations[i] == 0);
  }
  for (const double angle : first.states.angles) A2P_CHECK(angle >= -0.4 && angle <= 0.6);
  A2P_CHECK(std::ranges::any_of(first.states.angles, [](double angle) { return angle == -0.4 || angle == 0.6; }));
  for (const int threads : {2, 5}) {
    Reached again(kHands);
    fit.minimise(seen.view(), seen.hand, starts.view(), settings, threads, again.view());
    A2P_CHECK(again == first);
  }
  std::thread other([&] { fit.minimise(seen.view(), seen.hand, starts.view(), settings, 2, alone.view()); });
  Reached beside(kHands);
  fit.minimise(seen.view(), seen.hand, starts.view(), settings, 2, beside.view());
  other.join();
  A2P_CHECK(alone == first && beside == first);
}

void test_pairs() {
  a2p::KeypointFit fit(models(), priors());
  const Seen seen(fit, kHands, 6);
  const States starts(kHands, 7);
  const std::vector<double> mean(kHands / 2, 0.1), sigma(kHands / 2, 1e-5), unknown(kHands / 2, kInfinity);
  Reached before(kHands), after(kHands), free(kHands);
  fit.minimise_pairs(seen.view(), seen.hand, starts.view(), {mean.data(), sigma.data()}, {0, 0, 1e-2}, 1,
                     before.view());
  fit.minimise_pairs(seen.view(), seen.hand, starts.view(), {mean.data(), sigma.data()}, {60, 1e-6, 1e-2}, 3,
                     after.view());
  const a2p::PairDepthsView nothing{mean.data(), unknown.data()};  // leaves a term out of what was reached
  fit.minimise_pairs(seen.view(), seen.hand, after.states.view(), nothing, {60, 1e-6, 1e-2}, 3, free.view());
  for (std::size_t pair = 0; pair < kHands / 2; ++pair) {
    const double *betas = after.states.betas.data() + 20 * pair, *root = after.states.root.data() + 6 * pair;
    A2P_CHECK(std::equal(betas, betas + 10, betas + 10));
    A2P_CHECK(std::abs(root[5] - root[2] - 0.1) < 1e-4);
    A2P_CHECK(after.cost[pair] < before.cost[pair] && free.cost[pair] <= after.cost[pair]);
  }
}

}  // namespace

int main() {
  test_small_problems();
  test_broken_problems();
  test_gradient_against_differences();
  test_descents();
  test_pairs();
  return a2p::tests::failures == 0 ? 0 : 1;
}
