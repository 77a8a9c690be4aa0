// The parameters of a batch of hands in device memory, as arguments from Python.
#pragma once
#include <pybind11/typing.h>

#include <string>

#include "a2p/skinning.h"
#include "cuda_arrays.h"

namespace a2p::bindings {

using HandTuple = py::typing::Tuple<py::object, py::object, py::object, py::object>;

// Reads (global_orient, hand_pose, betas, transl) of `count` hands; without a count, of as many as there are, told by
// `count`. `prefix` goes before their names in errors.
template <typename Float>
HandParametersView<Float> as_device_parameters(const HandTuple& arrays, const std::string& prefix, py::ssize_t& count) {
  if (arrays.size() != 4) {
    raise_shape_error(prefix + " must hold global_orient, hand_pose, betas and transl; got " +
                      std::to_string(arrays.size()) + " arrays. Give these four in that order.");
  }
  const Axis batch = count < 0 ? Axis("b") : Axis(count);
  const auto global_orient = as_device_array<float>(arrays[0], prefix + " global_orient", {batch, 3});
  count = static_cast<py::ssize_t>(global_orient.length(0));
  const auto hand_pose = as_device_array<float>(arrays[1], prefix + " hand_pose", {count, kJointCount - 1, 3});
  const auto betas = as_device_array<float>(arrays[2], prefix + " betas", {count, kBetaCount});
  const auto transl = as_device_array<float>(arrays[3], prefix + " transl", {count, 3});
  return {global_orient.data(), hand_pose.data(), betas.data(), transl.data()};
}

}  // namespace a2p::bindings
