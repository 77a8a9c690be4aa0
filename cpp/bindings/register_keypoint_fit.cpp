#include <pybind11/typing.h>

#include <cmath>
#include <memory>
#include <string>
#include <tuple>

#include "a2p/keypoint_fit.h"
#include "arrays.h"

namespace py = pybind11;
using namespace py::literals;
using namespace a2p::bindings;

namespace {

using Doubles = py::array_t<double>;
using Counts = py::array_t<std::int32_t>;
using StateTuple = py::typing::Tuple<py::object, py::object, py::object, py::object>;
using EvidenceTuple = py::typing::Tuple<py::object, py::object, py::object, py::object, py::object, py::object>;
using StateArrays = std::tuple<Doubles, Doubles, Doubles, Doubles>;

static_assert(sizeof(a2p::Mat3<double>) == 9 * sizeof(double));

// Of numbers within these no square overflows, nor does the exponential of a log depth.
constexpr double kLargest = 1e30, kLeastSigma = 1e-30, kLargestRoot = 100;

Input<double> as_numbers(py::handle object, const char* name, std::initializer_list<Axis> shape) {
  auto input = as_input<double>(object, name, shape);
  require_finite(input, name);
  for (const double value : input.span()) {
    if (std::abs(value) > kLargest) {
      raise_shape_error(std::string(name) +
                        " must lie within 1e30 of zero; got an element beyond. Give metres and rays.");
    }
  }
  return input;
}

Input<std::int64_t> as_indices(py::handle object, const char* name, std::initializer_list<Axis> shape,
                               std::int64_t bound) {
  auto input = as_input<std::int64_t>(object, name, shape);
  for (const std::int64_t index : input.span()) {
    if (index < 0 || index >= bound) {
      raise_shape_error(std::string(name) + " must be indices in [0, " + std::to_string(bound) + "); got " +
                        std::to_string(index) + ".");
    }
  }
  return input;
}

// Standard deviations, infinite where nothing is known.
Input<double> as_sigmas(py::handle object, const char* name, std::initializer_list<Axis> shape) {
  auto input = as_input<double>(object, name, shape);
  for (const double sigma : input.span()) {
    if (!(sigma >= kLeastSigma)) {
      raise_shape_error(std::string(name) + " must be positive standard deviations; got " + std::to_string(sigma) +
                        ". Infinity trusts nothing.");
    }
  }
  return input;
}

double as_positive(double value, const char* name) {
  if (!(value >= kLeastSigma)) {
    throw py::value_error(std::string(name) + " must be positive; got " + std::to_string(value) +
                          ". Infinity switches it off.");
  }
  return value;
}

template <typename T>
std::vector<T> copied(const Input<double>& input) {
  const auto* first = reinterpret_cast<const T*>(input.data());
  return {first, first + input.size() * sizeof(double) / sizeof(T)};
}

a2p::HingedHandModels as_models(py::handle bones_in, py::handle arms_in, py::handle arm_joint, py::handle axes,
                                py::handle at_rest, py::handle hinges) {
  const auto bones = as_numbers(bones_in, "bones", {"models", a2p::kFingerJointCount, 3, a2p::kShapeCount});
  const auto models = static_cast<py::ssize_t>(bones.length(0));
  const auto arms = as_numbers(arms_in, "arms", {models, a2p::kRiderCount, 3, a2p::kShapeCount});
  const auto joints = as_indices(arm_joint, "arm_joint", {a2p::kRiderCount}, a2p::kJointCount);
  const auto driven = as_indices(hinges, "hinges", {a2p::kAngleCount}, a2p::kHingeCount);
  return {copied<double>(bones),
          copied<double>(arms),
          copied<a2p::Vec3<double>>(as_numbers(axes, "axes", {models, a2p::kFingerJointCount, 3, 3})),
          copied<a2p::Mat3<double>>(as_numbers(at_rest, "rest_turns", {models, a2p::kFingerJointCount, 3, 3})),
          {joints.span().begin(), joints.span().end()},
          {driven.span().begin(), driven.span().end()}};
}

a2p::KeypointPriors as_priors(py::handle angle_mean, py::handle angle_precision, py::handle angle_lower,
                              py::handle angle_upper, double beta_precision, double size_sigma, double robust_2d,
                              double robust_3d) {
  constexpr int kAngles = a2p::kAngleCount;
  const auto mean = as_numbers(angle_mean, "angle_mean", {kAngles});
  const auto precision = as_numbers(angle_precision, "angle_precision", {kAngles, kAngles});
  const auto lower = as_numbers(angle_lower, "angle_lower", {kAngles});
  const auto upper = as_numbers(angle_upper, "angle_upper", {kAngles});
  a2p::KeypointPriors priors{};
  for (int i = 0; i < kAngles; ++i) {
    if (lower.data()[i] > upper.data()[i]) {
      raise_shape_error("angle_lower must be at most angle_upper; got " + std::to_string(lower.data()[i]) + " above " +
                        std::to_string(upper.data()[i]) + " for angle " + std::to_string(i) + ".");
    }
    priors.angle_mean[i] = mean.data()[i];
    priors.angle_lower[i] = lower.data()[i];
    priors.angle_upper[i] = upper.data()[i];
    for (int j = 0; j < kAngles; ++j) priors.angle_precision[i][j] = precision.data()[kAngles * i + j];
  }
  if (!(beta_precision >= 0 && beta_precision < kLargest)) {
    throw py::value_error("beta_precision must be at least 0 and finite; got " + std::to_string(beta_precision) + ".");
  }
  priors.beta_precision = beta_precision;
  priors.size_sigma = as_positive(size_sigma, "size_sigma");
  priors.robust_2d = as_positive(robust_2d, "robust_2d");
  priors.robust_3d = as_positive(robust_3d, "robust_3d");
  return priors;
}

a2p::LevenbergMarquardtSettings as_settings(std::int32_t max_iterations, double tolerance, double initial_damping) {
  if (max_iterations < 0) {
    throw py::value_error("max_iterations must be at least 0; got " + std::to_string(max_iterations) + ".");
  }
  if (!(tolerance >= 0)) {
    throw py::value_error("tolerance must be at least 0; got " + std::to_string(tolerance) + ".");
  }
  return {max_iterations, tolerance, as_positive(initial_damping, "initial_damping")};
}

// What was seen of n hands, checked.
struct EvidenceInput {
  EvidenceInput(const py::tuple& arrays, std::int64_t models)
      : model(as_indices(item(arrays, 0), "model", {"n"}, models)),
        count(model.length(0)),
        points_2d(as_numbers(item(arrays, 1), "points_2d", {count, a2p::kKeypointCount, 2})),
        sigma_2d(as_sigmas(item(arrays, 2), "sigma_2d", {count, 2})),
        points_3d(as_numbers(item(arrays, 3), "points_3d", {count, a2p::kKeypointCount, 3})),
        sigma_3d(as_sigmas(item(arrays, 4), "sigma_3d", {count})),
        confidence(as_numbers(item(arrays, 5), "confidence", {count, a2p::kKeypointCount})) {
    for (const double value : confidence.span()) {
      if (value < 0 || value > 1) {
        raise_shape_error("confidence must lie in [0, 1]; got " + std::to_string(value) + ". Clamp it.");
      }
    }
  }

  a2p::KeypointEvidence view() const {
    return {model.data(), points_2d.data(), sigma_2d.data(), points_3d.data(), sigma_3d.data(), confidence.data()};
  }

  static py::handle item(const py::tuple& arrays, std::size_t i) {
    if (arrays.size() != 6) {
      raise_shape_error("evidence must hold model, points_2d, sigma_2d, points_3d, sigma_3d and confidence; got " +
                        std::to_string(arrays.size()) + " arrays. Give these six in that order.");
    }
    return arrays[i];
  }

  Input<std::int64_t> model;
  py::ssize_t count;
  Input<double> points_2d, sigma_2d, points_3d, sigma_3d, confidence;
};

// The states of a batch of hands, checked.
struct StatesInput {
  explicit StatesInput(const py::tuple& arrays)
      : orient(as_numbers(item(arrays, 0), "orient_rotmat", {"m", 3, 3})),
        count(orient.length(0)),
        root(as_numbers(item(arrays, 1), "root", {count, 3})),
        angles(as_numbers(item(arrays, 2), "angles", {count, a2p::kAngleCount})),
        betas(as_numbers(item(arrays, 3), "betas", {count, a2p::kBetaCount})) {
    for (const double value : root.span()) {
      if (std::abs(value) <= kLargestRoot) continue;
      raise_shape_error("root must lie within 100 of zero: x/z, y/z and the logarithm of z; got " +
                        std::to_string(value) + ".");
    }
  }

  a2p::HandStatesView<const double> view() const { return {orient.data(), root.data(), angles.data(), betas.data()}; }

  static py::handle item(const py::tuple& arrays, std::size_t i) {
    if (arrays.size() != 4) {
      raise_shape_error("state must hold orient_rotmat, root, angles and betas; got " + std::to_string(arrays.size()) +
                        " arrays. Give these four in that order.");
    }
    return arrays[i];
  }

  Input<double> orient;
  py::ssize_t count;
  Input<double> root, angles, betas;
};

struct DescentsOutput {
  DescentsOutput(py::ssize_t states, py::ssize_t problems)
      : orient(make_output<double>({states, 3, 3})),
        root(make_output<double>({states, 3})),
        angles(make_output<double>({states, a2p::kAngleCount})),
        betas(make_output<double>({states, a2p::kBetaCount})),
        cost(make_output<double>({problems})),
        iterations(make_output<std::int32_t>({problems})) {}

  a2p::DescentsView view() {
    return {{orient.mutable_data(), root.mutable_data(), angles.mutable_data(), betas.mutable_data()},
            cost.mutable_data(),
            iterations.mutable_data()};
  }

  std::tuple<StateArrays, Doubles, Counts> arrays() const { return {{orient, root, angles, betas}, cost, iterations}; }

  Doubles orient, root, angles, betas, cost;
  Counts iterations;
};

class KeypointFit {
 public:
  KeypointFit(py::handle bones, py::handle arms, py::handle arm_joint, py::handle axes, py::handle rest_turns,
              py::handle hinges, py::handle angle_mean, py::handle angle_precision, py::handle angle_lower,
              py::handle angle_upper, double beta_precision, double size_sigma, double robust_2d, double robust_3d)
      : fit_(as_models(bones, arms, arm_joint, axes, rest_turns, hinges),
             as_priors(angle_mean, angle_precision, angle_lower, angle_upper, beta_precision, size_sigma, robust_2d,
                       robust_3d)) {}

  std::tuple<Doubles, Doubles, Doubles> pose(py::handle model, const StateTuple& state) {
    const StatesInput states(state);
    const auto models = as_indices(model, "model", {states.count}, fit_.model_count());
    auto points = make_output<double>({states.count, a2p::kRiderCount, 3});
    auto jacobian = make_output<double>({states.count, a2p::kRiderCount, 3, a2p::kUnknownCount});
    auto joint_rotmats = make_output<double>({states.count, a2p::kFingerJointCount, 3, 3});
    double *points_out = points.mutable_data(), *jacobian_out = jacobian.mutable_data(),
           *rotmats_out = joint_rotmats.mutable_data();
    {
      const py::gil_scoped_release nogil;  // no Python object is touched in this block
      fit_.pose(models.data(), states.view(), states.count, points_out, jacobian_out, rotmats_out);
    }
    return {points, jacobian, joint_rotmats};
  }

  std::tuple<Doubles, Doubles, Doubles> linearise(const EvidenceTuple& evidence, py::handle hand,
                                                  const StateTuple& state) {
    const EvidenceInput seen(evidence, fit_.model_count());
    const StatesInput states(state);
    const auto hands = as_indices(hand, "hand", {states.count}, seen.count);
    constexpr py::ssize_t kUnknowns = a2p::kUnknownCount;
    auto cost = make_output<double>({states.count});
    auto gradient = make_output<double>({states.count, kUnknowns});
    auto hessian = make_output<double>({states.count, kUnknowns, kUnknowns});
    const a2p::QuadraticsView output{cost.mutable_data(), gradient.mutable_data(), hessian.mutable_data()};
    {
      const py::gil_scoped_release nogil;
      fit_.linearise(seen.view(), hands.span(), states.view(), output);
    }
    return {cost, gradient, hessian};
  }

  std::tuple<StateArrays, Doubles, Counts> minimise(const EvidenceTuple& evidence, py::handle hand,
                                                    const StateTuple& state, std::int32_t max_iterations,
                                                    double tolerance, double initial_damping, int threads) {
    const EvidenceInput seen(evidence, fit_.model_count());
    const StatesInput states(state);
    const auto hands = as_indices(hand, "hand", {states.count}, seen.count);
    const auto settings = as_settings(max_iterations, tolerance, initial_damping);
    const std::int32_t thread_limit = as_threads(threads);
    DescentsOutput output(states.count, states.count);
    const a2p::DescentsView view = output.view();
    {
      const py::gil_scoped_release nogil;
      fit_.minimise(seen.view(), hands.span(), states.view(), settings, thread_limit, view);
    }
    return output.arrays();
  }

  std::tuple<StateArrays, Doubles, Counts> minimise_pairs(const EvidenceTuple& evidence, py::handle hand,
                                                          const StateTuple& state, py::handle depth_mean,
                                                          py::handle depth_sigma, std::int32_t max_iterations,
                                                          double tolerance, double initial_damping, int threads) {
    const EvidenceInput seen(evidence, fit_.model_count());
    const StatesInput states(state);
    const auto hands = as_indices(hand, "hand", {states.count}, seen.count);
    if (states.count % 2 != 0) {
      raise_shape_error("state must hold two hands a pair; got " + std::to_string(states.count) +
                        ". Give the hands of a pair one after the other.");
    }
    const py::ssize_t pairs = states.count / 2;
    const auto mean = as_numbers(depth_mean, "depth_mean", {pairs});
    const auto sigma = as_sigmas(depth_sigma, "depth_sigma", {pairs});
    const auto settings = as_settings(max_iterations, tolerance, initial_damping);
    const std::int32_t thread_limit = as_threads(threads);
    DescentsOutput output(states.count, pairs);
    const a2p::DescentsView view = output.view();
    {
      const py::gil_scoped_release nogil;
      fit_.minimise_pairs(seen.view(), hands.span(), states.view(), {mean.data(), sigma.data()}, settings, thread_limit,
                          view);
    }
    return output.arrays();
  }

 private:
  a2p::KeypointFit fit_;
};

}  // namespace

void register_keypoint_fit(py::module_& m) {
  py::class_<KeypointFit>(
      m, "KeypointFit",
      "Least squares of hands to keypoints. Evidence is (model, points_2d, sigma_2d, points_3d, "
      "sigma_3d, confidence) of n hands, a state (orient_rotmat, root, angles, betas) of m; state i "
      "is one of hand[i]. See a2p/keypoint_fit.h.")
      .def(py::init<py::handle, py::handle, py::handle, py::handle, py::handle, py::handle, py::handle, py::handle,
                    py::handle, py::handle, double, double, double, double>(),
           py::kw_only(), "bones"_a, "arms"_a, "arm_joint"_a, "axes"_a, "rest_turns"_a, "hinges"_a, "angle_mean"_a,
           "angle_precision"_a, "angle_lower"_a, "angle_upper"_a, "beta_precision"_a, "size_sigma"_a, "robust_2d"_a,
           "robust_3d"_a)
      .def(
          "pose", &KeypointFit::pose, "model"_a, "state"_a,
          "Returns points (m, 42, 3), their derivatives (m, 42, 3, 38) and the finger joints' rotations (m, 15, 3, 3).")
      .def("linearise", &KeypointFit::linearise, "evidence"_a, "hand"_a, "state"_a,
           "Returns cost (m,), gradient (m, 38) and Gauss-Newton Hessian (m, 38, 38).")
      .def("minimise", &KeypointFit::minimise, "evidence"_a, "hand"_a, "state"_a, py::kw_only(), "max_iterations"_a,
           "tolerance"_a, "initial_damping"_a, "threads"_a = 0,
           "Returns the states reached, their costs (m,) and the iterations (m,).")
      .def("minimise_pairs", &KeypointFit::minimise_pairs, "evidence"_a, "hand"_a, "state"_a, "depth_mean"_a,
           "depth_sigma"_a, py::kw_only(), "max_iterations"_a, "tolerance"_a, "initial_damping"_a, "threads"_a = 0,
           "Returns the states that both hands of each pair reach together, costs (m / 2,) and iterations (m / 2,).");
}
