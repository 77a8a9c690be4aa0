// The parameters of a batch of hands, as arguments from Python.
#pragma once
#include <string>
#include <tuple>

#include "a2p/skinning.h"
#include "arrays.h"

namespace a2p::bindings {

// The four arrays of a batch of hands, checked; `prefix` goes before their names in errors.
struct ParametersInput {
  Input<float> global_orient, hand_pose, betas, transl;

  ParametersInput(py::handle global_orient_in, py::handle hand_pose_in, py::handle betas_in, py::handle transl_in,
                  const std::string& prefix = "")
      : global_orient(as_input<float>(global_orient_in, prefix + "global_orient", {"b", 3})),
        hand_pose(as_input<float>(hand_pose_in, prefix + "hand_pose", {count(), kJointCount - 1, 3})),
        betas(as_input<float>(betas_in, prefix + "betas", {count(), kBetaCount})),
        transl(as_input<float>(transl_in, prefix + "transl", {count(), 3})) {}

  py::ssize_t count() const { return static_cast<py::ssize_t>(global_orient.length(0)); }
  HandParametersView<const float> view() const {
    return {global_orient.data(), hand_pose.data(), betas.data(), transl.data()};
  }
};

// Four new arrays of the same shapes, for gradients.
struct ParametersOutput {
  using Arrays = std::tuple<py::array_t<float>, py::array_t<float>, py::array_t<float>, py::array_t<float>>;

  explicit ParametersOutput(py::ssize_t count)
      : global_orient(make_output<float>({count, 3})),
        hand_pose(make_output<float>({count, kJointCount - 1, 3})),
        betas(make_output<float>({count, kBetaCount})),
        transl(make_output<float>({count, 3})) {}

  HandParametersView<float> view() {
    return {global_orient.mutable_data(), hand_pose.mutable_data(), betas.mutable_data(), transl.mutable_data()};
  }
  Arrays arrays() const { return {global_orient, hand_pose, betas, transl}; }

  py::array_t<float> global_orient, hand_pose, betas, transl;
};

}  // namespace a2p::bindings
