#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <cmath>
#include <string>
#include <utility>

#include "a2p/sample_window.h"
#include "arrays.h"

namespace py = pybind11;
using namespace py::literals;
using namespace a2p::bindings;

namespace {

py::array_t<float> sample_window(py::handle picture_in, std::pair<double, double> centre, double side, double rotation,
                                 bool mirrored, std::int64_t size) {
  constexpr std::int64_t kLargest = 1 << 14;
  const Input<std::uint8_t> picture = as_input<std::uint8_t>(picture_in, "picture", {"h", "w", 3});
  if (picture.size() == 0) throw py::value_error("picture must have pixels; got none.");
  if (!std::isfinite(centre.first) || !std::isfinite(centre.second) || !std::isfinite(rotation)) {
    throw py::value_error("centre and rotation must be finite.");
  }
  if (!(side > 0.0) || !std::isfinite(side)) {
    throw py::value_error("side must be positive and finite, in px; got " + std::to_string(side) + ".");
  }
  if (size < 1 || size > kLargest) {
    throw py::value_error("size must lie in [1, " + std::to_string(kLargest) + "]; got " + std::to_string(size) + ".");
  }
  auto result = make_output<float>({static_cast<py::ssize_t>(size), static_cast<py::ssize_t>(size), 3});
  const std::span<float> out{result.mutable_data(), static_cast<std::size_t>(result.size())};
  {
    const py::gil_scoped_release nogil;  // no Python object is touched in this block
    a2p::sample_window({picture.data(), picture.length(1), picture.length(0)},
                       {centre.first, centre.second, side, rotation, mirrored}, size, out);
  }
  return result;
}

}  // namespace

void register_sample_window(py::module_& m) {
  m.def("sample_window", &sample_window, "picture"_a.noconvert(), py::kw_only(), "centre"_a, "side"_a, "rotation"_a,
        "mirrored"_a, "size"_a, "See a2p/sample_window.h. Returns (size, size, 3) float32.");
}
