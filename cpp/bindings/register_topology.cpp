#include <pybind11/pybind11.h>

#include <vector>

#include "a2p/topology.h"
#include "arrays.h"

namespace py = pybind11;
using namespace py::literals;
using namespace a2p::bindings;

namespace {

constexpr std::int64_t kMostVertices = INT32_MAX / 3;

std::shared_ptr<a2p::Topology> make_topology(const py::object& faces, const py::object& is_cap,
                                             const py::object& rest_vertices) {
  const Input<std::int64_t> corners = as_input<std::int64_t>(faces, "faces", {"f", 3});
  const Input<bool> cap = as_input<bool>(is_cap, "is_cap", {"f"});
  const Input<float> vertices = as_input<float>(rest_vertices, "rest_vertices", {"v", 3});
  require_same_length(cap, "is_cap", 0, corners, "faces", 0);
  require_indices(corners, "faces", vertices.length(0));
  require_positions(vertices, "rest_vertices");
  if (vertices.length(0) > kMostVertices || corners.length(0) > kMostVertices) {
    raise_shape_error("a mesh must have at most " + std::to_string(kMostVertices) + " vertices and faces; got " +
                      std::to_string(vertices.length(0)) + " and " + std::to_string(corners.length(0)) +
                      ". Simplify it.");
  }
  std::vector<a2p::Vec3<std::int32_t>> triangles(static_cast<std::size_t>(corners.length(0)));
  for (std::size_t face = 0; face < triangles.size(); ++face) {
    const std::int64_t* corner = corners.data() + 3 * face;
    triangles[face] = {static_cast<std::int32_t>(corner[0]), static_cast<std::int32_t>(corner[1]),
                       static_cast<std::int32_t>(corner[2])};
  }
  std::vector<a2p::Vec3<float>> points(static_cast<std::size_t>(vertices.length(0)));
  for (std::size_t i = 0; i < points.size(); ++i) {
    const float* point = vertices.data() + 3 * i;
    points[i] = {point[0], point[1], point[2]};
  }
  return std::make_shared<a2p::Topology>(triangles, cap.span(), points);
}

}  // namespace

void register_topology(py::module_& m) {
  py::class_<a2p::Topology, std::shared_ptr<a2p::Topology>>(m, "MeshTopology",
                                                            "Faces grouped for queries. See a2p/topology.h.")
      .def(py::init(&make_topology), "faces"_a, "is_cap"_a, "rest_vertices"_a,
           "Prepares faces (f, 3) int64 with is_cap (f,) bool; rest_vertices (v, 3) float32 tell which are neighbours.")
      .def_property_readonly("vertex_count", &a2p::Topology::vertex_count)
      .def_property_readonly("face_count", &a2p::Topology::face_count)
      .def_property_readonly("cluster_count", &a2p::Topology::cluster_count);
}
