#include <memory>
#include <optional>
#include <tuple>

#include "a2p/skinning.h"
#include "arrays.h"
#include "hand_parameters.h"

namespace py = pybind11;
using namespace py::literals;
using namespace a2p::bindings;

namespace {

using FloatInput = Input<float>;
using FloatOutput = py::array_t<float>;
using PosedArrays = std::tuple<FloatOutput, FloatOutput, FloatOutput>;

a2p::SkinningModel make_model(py::handle v_template, py::handle shapedirs, py::handle posedirs,
                              py::handle joint_template, py::handle joint_shapedirs, py::handle weights,
                              py::handle parents) {
  const auto points = as_input<float>(v_template, "v_template", {"v", 3});
  const auto vertex_count = static_cast<py::ssize_t>(points.length(0));
  const auto shape = as_input<float>(shapedirs, "shapedirs", {vertex_count, 3, a2p::kBetaCount});
  const auto pose = as_input<float>(posedirs, "posedirs", {vertex_count, 3, a2p::kPoseFeatureCount});
  const auto joints = as_input<float>(joint_template, "joint_template", {a2p::kJointCount, 3});
  const auto joint_shape = as_input<float>(joint_shapedirs, "joint_shapedirs", {a2p::kJointCount, 3, a2p::kBetaCount});
  const auto skin = as_input<float>(weights, "weights", {vertex_count, a2p::kJointCount});
  const auto tree = as_input<std::int32_t>(parents, "parents", {a2p::kJointCount});
  require_finite(points, "v_template");
  require_finite(shape, "shapedirs");
  require_finite(pose, "posedirs");
  require_finite(joints, "joint_template");
  require_finite(joint_shape, "joint_shapedirs");
  require_finite(skin, "weights");
  for (int joint = 1; joint < a2p::kJointCount; ++joint) {
    const std::int32_t parent = tree.data()[joint];
    if (parent < 0 || parent >= joint) {
      raise_shape_error("parents must name a lower joint for every joint but the first; got " + std::to_string(parent) +
                        " for joint " + std::to_string(joint) + ". Sort the joints so that parents come first.");
    }
  }
  return a2p::SkinningModel(
      {points.span(), shape.span(), pose.span(), joints.span(), joint_shape.span(), skin.span(), tree.span()});
}

PosedArrays forward(const a2p::SkinningModel& model, py::handle global_orient, py::handle hand_pose, py::handle betas,
                    py::handle transl, int threads) {
  const ParametersInput parameters(global_orient, hand_pose, betas, transl);
  const std::int32_t thread_limit = as_threads(threads);
  const py::ssize_t count = parameters.count();
  auto vertices = make_output<float>({count, static_cast<py::ssize_t>(model.vertex_count()), 3});
  auto joints = make_output<float>({count, a2p::kJointCount, 3});
  auto joint_rotmats = make_output<float>({count, a2p::kJointCount, 3, 3});
  const a2p::PosedHandsView<float> posed{vertices.mutable_data(), joints.mutable_data(), joint_rotmats.mutable_data()};
  {
    py::gil_scoped_release nogil;  // no Python object is touched in this block
    a2p::skin(model, parameters.view(), count, posed, thread_limit);
  }
  return {vertices, joints, joint_rotmats};
}

ParametersOutput::Arrays vjp(const a2p::SkinningModel& model, py::handle global_orient, py::handle hand_pose,
                             py::handle betas, py::handle transl, py::handle d_vertices, py::handle d_joints,
                             py::handle d_joint_rotmats, int threads) {
  const ParametersInput parameters(global_orient, hand_pose, betas, transl);
  const std::int32_t thread_limit = as_threads(threads);
  const py::ssize_t count = parameters.count();
  std::optional<FloatInput> vertices, joints, joint_rotmats;
  if (!d_vertices.is_none()) {
    vertices = as_input<float>(d_vertices, "d_vertices", {count, static_cast<py::ssize_t>(model.vertex_count()), 3});
  }
  if (!d_joints.is_none()) joints = as_input<float>(d_joints, "d_joints", {count, a2p::kJointCount, 3});
  if (!d_joint_rotmats.is_none()) {
    joint_rotmats = as_input<float>(d_joint_rotmats, "d_joint_rotmats", {count, a2p::kJointCount, 3, 3});
  }
  const auto data_of = [](const std::optional<FloatInput>& input) { return input ? input->data() : nullptr; };
  ParametersOutput gradient(count);
  const a2p::PosedHandsView<const float> d_posed{data_of(vertices), data_of(joints), data_of(joint_rotmats)};
  const a2p::HandParametersView<float> d_parameters = gradient.view();
  {
    py::gil_scoped_release nogil;  // no Python object is touched in this block
    a2p::skin_vjp(model, parameters.view(), count, d_posed, d_parameters, thread_limit);
  }
  return gradient.arrays();
}

}  // namespace

void register_skinning(py::module_& m) {
  py::class_<a2p::SkinningModel, std::shared_ptr<a2p::SkinningModel>>(
      m, "SkinningModel", "A hand model laid out for skinning. See a2p/skinning.h.")
      .def(py::init(&make_model), "v_template"_a, "shapedirs"_a, "posedirs"_a, "joint_template"_a, "joint_shapedirs"_a,
           "weights"_a, "parents"_a)
      .def_property_readonly("vertex_count", &a2p::SkinningModel::vertex_count)
      .def("forward", &forward, "global_orient"_a, "hand_pose"_a, "betas"_a, "transl"_a, py::kw_only(), "threads"_a = 0,
           "Returns vertices (b, v, 3), joints (b, 16, 3) and joint_rotmats (b, 16, 3, 3).")
      .def("vjp", &vjp, "global_orient"_a, "hand_pose"_a, "betas"_a, "transl"_a, "d_vertices"_a, "d_joints"_a,
           "d_joint_rotmats"_a, py::kw_only(), "threads"_a = 0,
           "Returns the gradient for each parameter; None stands for a zero gradient.");
}
