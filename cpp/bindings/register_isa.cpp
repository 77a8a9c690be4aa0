#include <pybind11/pybind11.h>

#include <optional>
#include <string>

#include "a2p/isa.h"

namespace py = pybind11;
using namespace py::literals;

namespace {

py::list runnable_names() {
  py::list names;
  for (const a2p::Isa isa : a2p::runnable_isas()) names.append(a2p::name_of(isa));
  return names;
}

void choose_isa(const py::object& name) {
  std::optional<a2p::Isa> isa;
  if (!name.is_none()) {
    isa = a2p::isa_from_name(py::cast<std::string>(name));
    if (!isa) isa = static_cast<a2p::Isa>(-1);
  }
  if (!a2p::set_isa(isa)) {
    throw py::value_error("name must be one of " + std::string(py::str(runnable_names())) + " or None; got " +
                          std::string(py::repr(name)) + ". Use None for the best of them.");
  }
}

}  // namespace

void register_isa(py::module_& m) {
  m.def("isa", [] { return a2p::name_of(a2p::active_isa()); }, "Instruction set that native operations run with.");
  m.def("runnable_isas", &runnable_names, "Instruction sets that run on this processor, by ascending preference.");
  m.def("set_isa", &choose_isa, "name"_a, "Chooses the instruction set of later calls; None restores the best.");
}
