// The extension module a2p._cuda, built where nvcc is. It links the CUDA runtime statically and imports without a
// driver.
#include <pybind11/pybind11.h>

#include <memory>
#include <string>

#include "a2p/cuda/device_hand.h"
#include "a2p/cuda/device_topology.h"
#include "a2p/cuda/fused_step.h"
#include "a2p/cuda/penetration.h"
#include "a2p/topology.h"
#include "cuda_arrays.h"
#include "cuda_hand_parameters.h"
#include "depth_loss_arguments.h"

namespace py = pybind11;
using namespace py::literals;
using namespace a2p::bindings;

namespace {

using a2p::cuda::DeviceHand;
using a2p::cuda::DeviceTopology;

void require_success(const a2p::cuda::Status& status) {
  if (status.ok()) return;
  const py::object type = py::module_::import("a2p.errors").attr("BackendError");
  const std::string message = std::string("backend 'cuda' needs a working device; ") + status.where +
                              " failed: " + status.reason + ". Check nvidia-smi, or use backend='cpu'.";
  PyErr_SetString(type.ptr(), message.c_str());
  throw py::error_already_set();
}

std::unique_ptr<DeviceTopology> make_device_topology(const a2p::Topology& topology) {
  auto made = std::make_unique<DeviceTopology>();
  require_success(made->upload(topology.view()));
  return made;
}

std::unique_ptr<DeviceHand> make_device_hand(const a2p::SkinningModel& model) {
  auto made = std::make_unique<DeviceHand>();
  require_success(made->upload(model));
  return made;
}

void require_workspace(const DeviceArray<std::uint8_t>& workspace, std::size_t bytes) {
  if (workspace.length(0) >= static_cast<std::int64_t>(bytes)) return;
  raise_shape_error("workspace must have at least " + std::to_string(bytes) + " bytes; got " +
                    std::to_string(workspace.length(0)) + ". Ask the workspace function of the operation.");
}

void penetrate(const DeviceTopology& a, const DeviceTopology& b, const py::object& vertices_a,
               const py::object& vertices_b, const py::object& loss_out, const py::object& depth_a,
               const py::object& depth_b, const py::object& gradient_a, const py::object& gradient_b,
               const py::object& workspace, const std::string& loss, double scale, std::uintptr_t stream) {
  const py::ssize_t va = a.view().vertex_count, vb = b.view().vertex_count;
  const auto in_a = as_device_array<float>(vertices_a, "vertices_a", {"b", va, 3});
  const py::ssize_t count = in_a.length(0);
  const a2p::cuda::PairArrays arrays{
      in_a.data(),
      as_device_array<float>(vertices_b, "vertices_b", {count, vb, 3}).data(),
      as_device_array<double>(loss_out, "loss_out", {count}).data(),
      as_device_array<float>(depth_a, "depth_a", {count, va}).data(),
      as_device_array<float>(depth_b, "depth_b", {count, vb}).data(),
      as_device_array<float>(gradient_a, "gradient_a", {count, va, 3}).data(),
      as_device_array<float>(gradient_b, "gradient_b", {count, vb, 3}).data(),
  };
  const auto space = as_device_array<std::uint8_t>(workspace, "workspace", {"n"});
  require_workspace(space, a2p::cuda::penetration_workspace_bytes(a.view(), b.view(), count));
  const a2p::DepthLoss depth_loss = as_loss(loss, scale);
  a2p::cuda::Status status;
  {
    const py::gil_scoped_release nogil;  // no Python object is touched in this block
    status = a2p::cuda::penetrate_pairs(a.view(), b.view(), count, depth_loss, arrays, space.data(),
                                        reinterpret_cast<a2p::cuda::Stream>(stream));
  }
  require_success(status);
}

void locate(const DeviceTopology& mesh, const py::object& points, const py::object& vertices,
            const py::object& distance, const py::object& face, const py::object& weights, const py::object& workspace,
            std::uintptr_t stream) {
  const auto queries = as_device_array<float>(points, "points", {"b", "p", 3});
  const py::ssize_t count = queries.length(0), point_count = queries.length(1);
  const py::ssize_t vertex_count = mesh.view().vertex_count;
  const a2p::cuda::LocateArrays arrays{
      queries.data(),
      as_device_array<float>(vertices, "vertices", {count, vertex_count, 3}).data(),
      as_device_array<float>(distance, "distance", {count, point_count}).data(),
      as_device_array<std::int32_t>(face, "face", {count, point_count}).data(),
      as_device_array<float>(weights, "weights", {count, point_count, 3}).data(),
  };
  const auto space = as_device_array<std::uint8_t>(workspace, "workspace", {"n"});
  require_workspace(space, a2p::cuda::locate_workspace_bytes(mesh.view(), count));
  a2p::cuda::Status status;
  {
    const py::gil_scoped_release nogil;  // no Python object is touched in this block
    status = a2p::cuda::locate(mesh.view(), count, point_count, arrays, space.data(),
                               reinterpret_cast<a2p::cuda::Stream>(stream));
  }
  require_success(status);
}

// Two hand models and their surfaces on one device, with what they refer to.
class DeviceStep {
 public:
  DeviceStep(std::shared_ptr<DeviceHand> model_right, std::shared_ptr<DeviceHand> model_left,
             std::shared_ptr<DeviceTopology> topology_right, std::shared_ptr<DeviceTopology> topology_left)
      : model_right_(std::move(model_right)),
        model_left_(std::move(model_left)),
        topology_right_(std::move(topology_right)),
        topology_left_(std::move(topology_left)),
        right_{model_right_->view(), topology_right_->view()},
        left_{model_left_->view(), topology_left_->view()} {
    require_same_vertices(right_, "right");
    require_same_vertices(left_, "left");
  }

  std::size_t workspace_bytes(std::int64_t count) const {
    return a2p::cuda::fused_step_workspace_bytes(right_, left_, count);
  }

  void evaluate(const HandTuple& right, const HandTuple& left, const HandTuple& gradient_right,
                const HandTuple& gradient_left, const py::object& loss_out, const py::object& depth_right,
                const py::object& depth_left, const py::object& workspace, const std::string& loss, double scale,
                std::uintptr_t stream) const {
    py::ssize_t count = -1;
    const auto at_right = as_device_parameters<float>(right, "right", count);
    const auto at_left = as_device_parameters<float>(left, "left", count);
    const a2p::cuda::StepArrays arrays{
        as_device_array<double>(loss_out, "loss_out", {count}).data(),
        as_device_parameters<float>(gradient_right, "gradient_right", count),
        as_device_parameters<float>(gradient_left, "gradient_left", count),
        as_device_array<float>(depth_right, "depth_right", {count, right_.model.vertex_count}).data(),
        as_device_array<float>(depth_left, "depth_left", {count, left_.model.vertex_count}).data(),
    };
    const auto space = as_device_array<std::uint8_t>(workspace, "workspace", {"n"});
    require_workspace(space, workspace_bytes(count));
    const a2p::DepthLoss depth_loss = as_loss(loss, scale);
    a2p::cuda::Status status;
    {
      const py::gil_scoped_release nogil;  // no Python object is touched in this block
      status = a2p::cuda::fused_step(right_, left_, constant(at_right), constant(at_left), count, depth_loss, arrays,
                                     space.data(), reinterpret_cast<a2p::cuda::Stream>(stream));
    }
    require_success(status);
  }

 private:
  static void require_same_vertices(const a2p::cuda::DeviceSurface& surface, const std::string& side) {
    if (surface.model.vertex_count == surface.topology.vertex_count) return;
    raise_shape_error("topology_" + side + " must have as many vertices as model_" + side + "; got " +
                      std::to_string(surface.topology.vertex_count) + " and " +
                      std::to_string(surface.model.vertex_count) + ". Make both from one hand model.");
  }

  static a2p::HandParametersView<const float> constant(const a2p::HandParametersView<float>& view) {
    return {view.global_orient, view.hand_pose, view.betas, view.transl};
  }

  std::shared_ptr<DeviceHand> model_right_, model_left_;
  std::shared_ptr<DeviceTopology> topology_right_, topology_left_;
  a2p::cuda::DeviceSurface right_, left_;
};

}  // namespace

PYBIND11_MODULE(_cuda, m) {
  py::module_::import("a2p._core");  // registers MeshTopology and SkinningModel
  m.doc() = "Operations of a2p on CUDA devices. Work is queued on the given stream of the current device.";
  m.def("device_count", &a2p::cuda::device_count, "Number of CUDA devices that can run here; 0 without a driver.");
  py::class_<DeviceTopology, std::shared_ptr<DeviceTopology>>(m, "DeviceTopology",
                                                              "A prepared topology in the memory of one CUDA device.")
      .def(py::init(&make_device_topology), "topology"_a, "Copies the topology to the current device.");
  m.def(
      "penetration_workspace_bytes",
      [](const DeviceTopology& a, const DeviceTopology& b, std::int64_t count) {
        return a2p::cuda::penetration_workspace_bytes(a.view(), b.view(), count);
      },
      "topology_a"_a, "topology_b"_a, "count"_a, "Bytes of device memory that `penetrate` needs for `count` pairs.");
  m.def(
      "locate_workspace_bytes",
      [](const DeviceTopology& mesh, std::int64_t count) {
        return a2p::cuda::locate_workspace_bytes(mesh.view(), count);
      },
      "topology"_a, "count"_a, "Bytes of device memory that `locate` needs for `count` meshes.");
  m.def("penetrate", &penetrate, "topology_a"_a, "topology_b"_a, "vertices_a"_a, "vertices_b"_a, py::kw_only(),
        "loss_out"_a, "depth_a"_a, "depth_b"_a, "gradient_a"_a, "gradient_b"_a, "workspace"_a, "loss"_a, "scale"_a,
        "stream"_a, "Writes loss, depths and gradients of pairs; see a2p/cuda/penetration.h.");
  m.def("locate", &locate, "topology"_a, "points"_a, "vertices"_a, py::kw_only(), "distance"_a, "face"_a, "weights"_a,
        "workspace"_a, "stream"_a, "Writes where points lie relative to meshes; see a2p/cuda/penetration.h.");
  py::class_<DeviceHand, std::shared_ptr<DeviceHand>>(m, "DeviceHand", "A hand model in the memory of one CUDA device.")
      .def(py::init(&make_device_hand), "model"_a, "Copies the model to the current device.");
  py::class_<DeviceStep>(m, "DeviceStep", "Two hand models and their surfaces. See a2p/cuda/fused_step.h.")
      .def(py::init<std::shared_ptr<DeviceHand>, std::shared_ptr<DeviceHand>, std::shared_ptr<DeviceTopology>,
                    std::shared_ptr<DeviceTopology>>(),
           "model_right"_a, "model_left"_a, "topology_right"_a, "topology_left"_a)
      .def("workspace_bytes", &DeviceStep::workspace_bytes, "count"_a,
           "Bytes of device memory that a call needs for `count` pairs.")
      .def("__call__", &DeviceStep::evaluate, "right"_a, "left"_a, py::kw_only(), "gradient_right"_a, "gradient_left"_a,
           "loss_out"_a, "depth_right"_a, "depth_left"_a, "workspace"_a, "loss"_a, "scale"_a, "stream"_a,
           "Writes loss, gradients and depths of pairs. Hands are given as (global_orient, hand_pose, betas, transl), "
           "and so are gradients.");
}
