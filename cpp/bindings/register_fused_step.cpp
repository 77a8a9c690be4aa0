#include <pybind11/pybind11.h>
#include <pybind11/typing.h>

#include <memory>
#include <string>
#include <tuple>

#include "a2p/fused_step.h"
#include "depth_loss_arguments.h"
#include "hand_parameters.h"
#include "mesh_topology.h"

namespace py = pybind11;
using namespace py::literals;
using namespace a2p::bindings;

namespace {

using ModelPtr = std::shared_ptr<a2p::SkinningModel>;
using Floats = py::array_t<float>;
using HandTuple = py::typing::Tuple<py::object, py::object, py::object, py::object>;
using Gradients = ParametersOutput::Arrays;

void require_same_vertices(const a2p::SkinningModel& model, const a2p::Topology& topology, const char* side) {
  if (model.vertex_count() == topology.vertex_count()) return;
  raise_shape_error(std::string("topology_") + side + " must have as many vertices as model_" + side + "; got " +
                    std::to_string(topology.vertex_count()) + " and " + std::to_string(model.vertex_count()) +
                    ". Make both from one hand model.");
}

// The step with what it refers to.
class FusedStep {
 public:
  FusedStep(ModelPtr model_right, ModelPtr model_left, TopologyPtr topology_right, TopologyPtr topology_left)
      : model_right_(std::move(model_right)),
        model_left_(std::move(model_left)),
        topology_right_(std::move(topology_right)),
        topology_left_(std::move(topology_left)),
        step_({*model_right_, *topology_right_}, {*model_left_, *topology_left_}) {
    require_same_vertices(*model_right_, *topology_right_, "right");
    require_same_vertices(*model_left_, *topology_left_, "left");
  }

  std::tuple<py::array_t<double>, Gradients, Gradients, Floats, Floats> evaluate(const HandTuple& right,
                                                                                 const HandTuple& left,
                                                                                 const std::string& loss, double scale,
                                                                                 int threads) {
    const ParametersInput parameters_right = as_parameters(right, "right"),
                          parameters_left = as_parameters(left, "left");
    require_same_length(parameters_left.betas, "left betas", 0, parameters_right.betas, "right betas", 0);
    const a2p::DepthLoss depth_loss = as_loss(loss, scale);
    const std::int32_t thread_limit = as_threads(threads);
    const py::ssize_t count = parameters_right.count();
    auto losses = make_output<double>({count});
    auto depth_right = make_output<float>({count, topology_right_->vertex_count()});
    auto depth_left = make_output<float>({count, topology_left_->vertex_count()});
    ParametersOutput gradient_right(count), gradient_left(count);
    const a2p::FusedStepOutput output{losses.mutable_data(), gradient_right.view(), gradient_left.view(),
                                      depth_right.mutable_data(), depth_left.mutable_data()};
    {
      const py::gil_scoped_release nogil;  // no Python object is touched in this block
      step_.evaluate(parameters_right.view(), parameters_left.view(), count, depth_loss, thread_limit, output);
    }
    return {losses, gradient_right.arrays(), gradient_left.arrays(), depth_right, depth_left};
  }

 private:
  static ParametersInput as_parameters(const HandTuple& arrays, const std::string& side) {
    if (arrays.size() != 4) {
      raise_shape_error(side + " must hold global_orient, hand_pose, betas and transl; got " +
                        std::to_string(arrays.size()) + " arrays. Give these four in that order.");
    }
    ParametersInput parameters(arrays[0], arrays[1], arrays[2], arrays[3], side + " ");
    require_positions(parameters.global_orient, side + " global_orient");
    require_positions(parameters.hand_pose, side + " hand_pose");
    require_positions(parameters.betas, side + " betas");
    require_positions(parameters.transl, side + " transl");
    return parameters;
  }

  ModelPtr model_right_, model_left_;
  TopologyPtr topology_right_, topology_left_;
  a2p::FusedStep step_;
};

}  // namespace

void register_fused_step(py::module_& m) {
  py::class_<FusedStep>(m, "FusedStep", "Two hand models and their surfaces. See a2p/fused_step.h.")
      .def(py::init<ModelPtr, ModelPtr, TopologyPtr, TopologyPtr>(), "model_right"_a, "model_left"_a,
           "topology_right"_a, "topology_left"_a)
      .def("__call__", &FusedStep::evaluate, "right"_a, "left"_a, py::kw_only(), "loss"_a = "squared", "scale"_a = 1e-3,
           "threads"_a = 0,
           "Returns loss (b,) float64, its gradient for the right and the left hand, depth_right and depth_left (b, "
           "v). Hands are given as (global_orient, hand_pose, betas, transl), and so are gradients.");
}
