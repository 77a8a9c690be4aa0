// How bindings share prepared topologies.
#pragma once
#include <memory>

#include "a2p/topology.h"

namespace a2p::bindings {

using TopologyPtr = std::shared_ptr<const Topology>;

}  // namespace a2p::bindings
