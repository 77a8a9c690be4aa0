// The extension module a2p._core: registers every operation, and nothing else.
#include <pybind11/pybind11.h>

#include "a2p/thread_pool.h"

namespace py = pybind11;
using namespace py::literals;

void register_fused_step(py::module_& m);
void register_isa(py::module_& m);
void register_keypoint_fit(py::module_& m);
void register_measures(py::module_& m);
void register_penetration(py::module_& m);
void register_picture(py::module_& m);
void register_rasterize(py::module_& m);
void register_sample_window(py::module_& m);
void register_signed_distance(py::module_& m);
void register_skinning(py::module_& m);
void register_topology(py::module_& m);

PYBIND11_MODULE(_core, m) {
  m.doc() = "Native operations of a2p.";
  m.attr("__version__") = A2P_VERSION;
  m.def("thread_count", &a2p::thread_count, "Number of threads native operations use by default.");
  m.def(
      "set_thread_count",
      [](int count) {
        if (count < 0) {
          throw py::value_error("count must be at least 0; got " + std::to_string(count) +
                                ". Use 0 for the hardware's number.");
        }
        a2p::set_thread_count(count);
      },
      "count"_a, "Sets the default number of threads; 0 restores the hardware's number.");
  register_isa(m);
  register_picture(m);
  register_rasterize(m);
  register_skinning(m);
  register_topology(m);
  register_penetration(m);
  register_sample_window(m);
  register_signed_distance(m);
  register_fused_step(m);
  register_keypoint_fit(m);
  register_measures(m);
}
