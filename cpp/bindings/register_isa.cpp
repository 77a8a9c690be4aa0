#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <optional>
#include <string>
#include <vector>

#include "a2p/isa.h"

namespace py = pybind11;
using namespace py::literals;

namespace {

std::vector<std::string> runnable_names() {
  std::vector<std::string> names;
  for (const a2p::Isa isa : a2p::runnable_isas()) names.emplace_back(a2p::name_of(isa));
  return names;
}

void choose_isa(const std::optional<std::string>& name) {
  std::optional<a2p::Isa> isa;
  if (name) isa = a2p::isa_from_name(*name).value_or(static_cast<a2p::Isa>(-1));
  if (!a2p::set_isa(isa)) {
    throw py::value_error("name must be one of " + std::string(py::str(py::cast(runnable_names()))) +
                          " or None; got '" + *name + "'. Use None for the best of them.");
  }
}

}  // namespace

void register_isa(py::module_& m) {
  m.def("isa", [] { return a2p::name_of(a2p::active_isa()); }, "Instruction set that native operations run with.");
  m.def("runnable_isas", &runnable_names, "Instruction sets that run on this processor, by ascending preference.");
  m.def("set_isa", &choose_isa, "name"_a, "Chooses the instruction set of later calls; None restores the best.");
}
