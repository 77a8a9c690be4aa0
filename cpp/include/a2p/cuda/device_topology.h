// A prepared topology in the memory of a CUDA device.
#pragma once
#include "a2p/cuda/status.h"
#include "a2p/topology_view.h"

namespace a2p::cuda {

// Owns the device copy of what a TopologyView points to.
class DeviceTopology {
 public:
  DeviceTopology() = default;
  ~DeviceTopology();
  DeviceTopology(const DeviceTopology&) = delete;
  DeviceTopology& operator=(const DeviceTopology&) = delete;

  // Copies a view of host memory to the current device. Call it once.
  Status upload(const TopologyView& host) noexcept;

  // A view of device memory.
  const TopologyView& view() const noexcept { return view_; }

 private:
  void* memory_ = nullptr;
  TopologyView view_;
};

}  // namespace a2p::cuda
