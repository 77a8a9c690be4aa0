#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <memory>
#include <string>
#include <tuple>

#include "a2p/intersection_volume.h"
#include "a2p/surface_distance.h"
#include "a2p/vertex_criterion.h"
#include "a2p/winding_number.h"
#include "arrays.h"

namespace py = pybind11;
using namespace py::literals;
using namespace a2p::bindings;

namespace {

using Doubles = py::array_t<double>;
using Flags = py::array_t<bool>;

static_assert(sizeof(a2p::Vec3<double>) == 3 * sizeof(double));
static_assert(sizeof(a2p::Vec3<std::int64_t>) == 3 * sizeof(std::int64_t));

template <typename T>
std::span<const a2p::Vec3<T>> as_vectors(const Input<T>& input) {
  return {reinterpret_cast<const a2p::Vec3<T>*>(input.data()), input.size() / 3};
}

// A mesh from Python, checked; the arrays live as long as this does.
struct MeshInput {
  MeshInput(py::handle vertices_in, py::handle faces_in, const std::string& side)
      : vertices(as_input<double>(vertices_in, "vertices" + side, {"v", 3})),
        faces(as_input<std::int64_t>(faces_in, "faces" + side, {"f", 3})) {
    require_finite(vertices, "vertices" + side);
    require_indices(faces, "faces" + side, vertices.length(0));
  }

  a2p::TriangleMesh mesh() const { return {as_vectors(vertices), as_vectors(faces)}; }

  Input<double> vertices;
  Input<std::int64_t> faces;
};

double intersection_volume(py::handle vertices_a, py::handle faces_a, py::handle vertices_b, py::handle faces_b,
                           std::int64_t columns) {
  constexpr std::int64_t kMostColumns = 1 << 14;
  const MeshInput a(vertices_a, faces_a, "_a"), b(vertices_b, faces_b, "_b");
  if (columns < 1 || columns > kMostColumns) {
    throw py::value_error("columns must lie in [1, " + std::to_string(kMostColumns) + "]; got " +
                          std::to_string(columns) + ".");
  }
  const py::gil_scoped_release nogil;  // no Python object is touched below
  return a2p::intersection_volume(a.mesh(), b.mesh(), columns);
}

double surface_distance(py::handle vertices_a, py::handle faces_a, py::handle vertices_b, py::handle faces_b) {
  const MeshInput a(vertices_a, faces_a, "_a"), b(vertices_b, faces_b, "_b");
  const py::gil_scoped_release nogil;
  return a2p::surface_distance(a.mesh(), b.mesh());
}

Doubles winding_number(py::handle points, py::handle vertices, py::handle faces, int threads) {
  const Input<double> queries = as_input<double>(points, "points", {"p", 3});
  require_finite(queries, "points");
  const MeshInput mesh(vertices, faces, "");
  const std::int32_t thread_limit = as_threads(threads);
  auto winding = make_output<double>({static_cast<py::ssize_t>(queries.length(0))});
  const std::span<double> out{winding.mutable_data(), static_cast<std::size_t>(winding.size())};
  {
    const py::gil_scoped_release nogil;
    a2p::winding_number(mesh.mesh(), as_vectors(queries), thread_limit, out);
  }
  return winding;
}

// The arrays that the criterion fills for one mesh.
struct CollisionArrays {
  explicit CollisionArrays(py::ssize_t count)
      : collides(make_output<bool>({count})), gradient(make_output<double>({count, 3})) {}

  a2p::VertexCollisions view() {
    const auto count = static_cast<std::size_t>(collides.size());
    return {{collides.mutable_data(), count}, {reinterpret_cast<a2p::Vec3<double>*>(gradient.mutable_data()), count}};
  }

  Flags collides;
  Doubles gradient;
};

std::tuple<double, Flags, Flags, Doubles, Doubles> vertex_collisions(py::handle vertices_a, py::handle faces_a,
                                                                     py::handle vertices_b, py::handle faces_b,
                                                                     double max_distance, double max_cosine,
                                                                     double rho) {
  const MeshInput a(vertices_a, faces_a, "_a"), b(vertices_b, faces_b, "_b");
  if (a.vertices.length(0) == 0 || b.vertices.length(0) == 0) {
    raise_shape_error("vertices_a and vertices_b must hold a vertex each; got none. Leave such pairs out.");
  }
  CollisionArrays of_a(static_cast<py::ssize_t>(a.vertices.length(0))),
      of_b(static_cast<py::ssize_t>(b.vertices.length(0)));
  const a2p::VertexCollisions view_a = of_a.view(), view_b = of_b.view();
  double loss = 0;
  {
    const py::gil_scoped_release nogil;
    loss = a2p::vertex_collisions(a.mesh(), b.mesh(), {max_distance, max_cosine, rho}, view_a, view_b);
  }
  return {loss, of_a.collides, of_b.collides, of_a.gradient, of_b.gradient};
}

}  // namespace

void register_measures(py::module_& m) {
  m.def("intersection_volume", &intersection_volume, "vertices_a"_a, "faces_a"_a, "vertices_b"_a, "faces_b"_a,
        py::kw_only(), "columns"_a, "Returns the shared volume (m^3). See a2p/intersection_volume.h.");
  m.def("surface_distance", &surface_distance, "vertices_a"_a, "faces_a"_a, "vertices_b"_a, "faces_b"_a,
        "Returns the smallest distance (m) between two surfaces. See a2p/surface_distance.h.");
  m.def("winding_number", &winding_number, "points"_a, "vertices"_a, "faces"_a, py::kw_only(), "threads"_a = 0,
        "Returns the solid angle over 4 pi (p,) float64. See a2p/winding_number.h.");
  m.def("vertex_collisions", &vertex_collisions, "vertices_a"_a, "faces_a"_a, "vertices_b"_a, "faces_b"_a,
        py::kw_only(), "max_distance"_a, "max_cosine"_a, "rho"_a,
        "Returns loss, collides_a (va,), collides_b (vb,), gradient_a (va, 3) and gradient_b (vb, 3). See "
        "a2p/vertex_criterion.h.");
}
