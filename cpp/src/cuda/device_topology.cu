#include <cuda_runtime.h>

#include "a2p/cuda/device_topology.h"

namespace a2p::cuda {

Status DeviceTopology::upload(const TopologyView& host) noexcept {
  const auto clusters = static_cast<std::size_t>(host.cluster_count);
  const std::size_t corner_bytes = sizeof(std::int32_t) * clusters * 3 * kClusterSize;
  const std::size_t face_bytes = sizeof(std::int32_t) * clusters * kClusterSize;
  const std::size_t lane_bytes = sizeof(std::uint16_t) * clusters;
  if (const cudaError_t error = cudaMalloc(&memory_, corner_bytes + face_bytes + lane_bytes + 1);
      error != cudaSuccess) {
    return {"cudaMalloc", cudaGetErrorString(error)};
  }
  char* const start = static_cast<char*>(memory_);
  const auto copy = [&](std::size_t at, const void* from, std::size_t bytes) {
    return bytes == 0 ? cudaSuccess : cudaMemcpy(start + at, from, bytes, cudaMemcpyHostToDevice);
  };
  cudaError_t error = copy(0, host.corners, corner_bytes);
  if (error == cudaSuccess) error = copy(corner_bytes, host.faces, face_bytes);
  if (error == cudaSuccess) error = copy(corner_bytes + face_bytes, host.lanes, lane_bytes);
  if (error != cudaSuccess) return {"cudaMemcpy", cudaGetErrorString(error)};
  view_ = host;
  view_.corners = reinterpret_cast<const std::int32_t*>(start);
  view_.faces = reinterpret_cast<const std::int32_t*>(start + corner_bytes);
  view_.lanes = reinterpret_cast<const std::uint16_t*>(start + corner_bytes + face_bytes);
  view_.vertex_order = nullptr;  // only the CPU kernels follow it
  return {};
}

// An error here has no one left to tell: at exit the driver may be gone already.
DeviceTopology::~DeviceTopology() {
  if (memory_ != nullptr) cudaFree(memory_);
}

}  // namespace a2p::cuda
