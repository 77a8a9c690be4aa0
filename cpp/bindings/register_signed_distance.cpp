#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <tuple>

#include "a2p/signed_distance.h"
#include "arrays.h"
#include "mesh_topology.h"

namespace py = pybind11;
using namespace py::literals;
using namespace a2p::bindings;

namespace {

using Floats = py::array_t<float>;

// A topology with the scratch memory that calls reuse.
class DistanceField {
 public:
  explicit DistanceField(TopologyPtr topology)
      : topology_(std::move(topology)), pool_([this] { return std::make_unique<a2p::MeshScratch>(*topology_); }) {}

  std::tuple<Floats, py::array_t<std::int32_t>, Floats> evaluate(const py::object& points, const py::object& vertices,
                                                                 int threads) {
    const Input<float> queries = as_input<float>(points, "points", {"b", "p", 3});
    const Input<float> mesh = as_input<float>(vertices, "vertices", {"b", topology_->vertex_count(), 3});
    require_same_length(mesh, "vertices", 0, queries, "points", 0);
    require_positions(queries, "points");
    require_positions(mesh, "vertices");
    const std::int32_t thread_limit = as_threads(threads);
    const py::ssize_t poses = queries.length(0), count = queries.length(1);
    auto distance = make_output<float>({poses, count}), weights = make_output<float>({poses, count, 3});
    auto face = make_output<std::int32_t>({poses, count});
    const a2p::DistanceQuery query{poses, count, queries.data(), mesh.data()};
    const a2p::DistanceOutput output{distance.mutable_data(), face.mutable_data(), weights.mutable_data()};
    {
      const py::gil_scoped_release nogil;  // no Python object is touched in this block
      a2p::signed_distance(*topology_, query, thread_limit, pool_, output);
    }
    return {distance, face, weights};
  }

 private:
  TopologyPtr topology_;
  a2p::MeshScratchPool pool_;
};

}  // namespace

void register_signed_distance(py::module_& m) {
  py::class_<DistanceField>(m, "DistanceField", "A topology, ready to be queried in many poses.")
      .def(py::init<TopologyPtr>(), "topology"_a)
      .def("__call__", &DistanceField::evaluate, "points"_a, "vertices"_a, py::kw_only(), "threads"_a = 0,
           "Returns distance (b, p), face (b, p) int32 and weights (b, p, 3), of float32 points (b, p, 3) and vertices "
           "(b, v, 3). See a2p/signed_distance.h.");
}
