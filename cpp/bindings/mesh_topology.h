// How bindings share prepared topologies.
#pragma once
#include <pybind11/pybind11.h>

#include <memory>
#include <string>

#include "a2p/topology.h"

namespace a2p::bindings {

namespace py = pybind11;

using TopologyPtr = std::shared_ptr<const Topology>;

// Returns the argument `threads`, checked.
inline std::int32_t as_threads(int threads) {
  if (threads < 0) {
    throw py::value_error("threads must be at least 0; got " + std::to_string(threads) + ". Use 0 for the default.");
  }
  return threads;
}

}  // namespace a2p::bindings
