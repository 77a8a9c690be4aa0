#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <memory>
#include <string>
#include <tuple>

#include "a2p/penetration.h"
#include "arrays.h"
#include "depth_loss_arguments.h"
#include "mesh_topology.h"

namespace py = pybind11;
using namespace py::literals;
using namespace a2p::bindings;

namespace {

using Floats = py::array_t<float>;

// Two topologies with the scratch memory that calls reuse.
class PenetrationPair {
 public:
  PenetrationPair(TopologyPtr a, TopologyPtr b)
      : a_(std::move(a)), b_(std::move(b)), pool_([this] { return std::make_unique<a2p::PairScratch>(*a_, *b_); }) {}

  std::tuple<py::array_t<double>, Floats, Floats, Floats, Floats> evaluate(const py::object& vertices_a,
                                                                           const py::object& vertices_b,
                                                                           const std::string& loss, double scale,
                                                                           int threads) {
    const Input<float> a = as_input<float>(vertices_a, "vertices_a", {"b", a_->vertex_count(), 3});
    const Input<float> b = as_input<float>(vertices_b, "vertices_b", {"b", b_->vertex_count(), 3});
    require_same_length(b, "vertices_b", 0, a, "vertices_a", 0);
    require_positions(a, "vertices_a");
    require_positions(b, "vertices_b");
    const a2p::DepthLoss depth_loss = as_loss(loss, scale);
    const std::int32_t thread_limit = as_threads(threads);
    const py::ssize_t count = a.length(0), va = a.length(1), vb = b.length(1);
    auto losses = make_output<double>({count});
    auto depth_a = make_output<float>({count, va}), depth_b = make_output<float>({count, vb});
    auto gradient_a = make_output<float>({count, va, 3}), gradient_b = make_output<float>({count, vb, 3});
    const a2p::PairOutput output{.depth_a = depth_a.mutable_data(),
                                 .depth_b = depth_b.mutable_data(),
                                 .gradient_a = gradient_a.mutable_data(),
                                 .gradient_b = gradient_b.mutable_data()};
    double* loss_out = losses.mutable_data();
    {
      const py::gil_scoped_release nogil;  // no Python object is touched in this block
      a2p::penetrate_pairs(*a_, *b_, count, a.data(), b.data(), depth_loss, thread_limit, pool_, loss_out, output);
    }
    return {losses, depth_a, depth_b, gradient_a, gradient_b};
  }

 private:
  TopologyPtr a_, b_;
  a2p::PairScratchPool pool_;
};

}  // namespace

void register_penetration(py::module_& m) {
  py::class_<PenetrationPair>(m, "PenetrationPair", "Two topologies, ready to be evaluated in many poses.")
      .def(py::init<TopologyPtr, TopologyPtr>(), "topology_a"_a, "topology_b"_a)
      .def("__call__", &PenetrationPair::evaluate, "vertices_a"_a, "vertices_b"_a, py::kw_only(), "loss"_a = "squared",
           "scale"_a = 1e-3, "threads"_a = 0,
           "Returns loss (b,) float64, depth_a (b, va), depth_b (b, vb), gradient_a (b, va, 3) and gradient_b (b, vb, "
           "3), of float32 vertices (b, va, 3) and (b, vb, 3). See a2p/penetration.h.");
}
