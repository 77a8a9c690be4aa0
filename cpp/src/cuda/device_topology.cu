#include <cuda_runtime.h>

#include "a2p/cuda/device_topology.h"
#include "cuda/device_copy.cuh"

namespace a2p::cuda {

Status DeviceTopology::upload(const TopologyView& host) noexcept {
  const auto clusters = static_cast<std::size_t>(host.cluster_count);
  view_ = host;
  view_.vertex_order = nullptr;  // only the CPU kernels follow it
  return copy_to_device(std::array{host_array(host.corners, clusters * 3 * kClusterSize, &view_.corners),
                                   host_array(host.faces, clusters * kClusterSize, &view_.faces),
                                   host_array(host.lanes, clusters, &view_.lanes)},
                        &memory_);
}

// An error here has no one left to tell: at exit the driver may be gone already.
DeviceTopology::~DeviceTopology() {
  if (memory_ != nullptr) cudaFree(memory_);
}

}  // namespace a2p::cuda
