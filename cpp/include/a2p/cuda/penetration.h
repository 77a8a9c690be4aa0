// Penetration and signed distance on a CUDA device: the operations of a2p/penetration.h for batches in device memory.
#pragma once
#include <cstddef>
#include <cstdint>

#include "a2p/cuda/status.h"
#include "a2p/depth_loss.h"
#include "a2p/topology_view.h"

namespace a2p::cuda {

// A cudaStream_t; this header does without CUDA's.
using Stream = void*;

// Number of devices that can run here; 0 without a driver.
std::int32_t device_count() noexcept;

// All pointers below are device pointers, arrays are in C order, and work is queued on the caller's stream: the calls
// return before it is done. Views point to device memory. The device of the stream must be current.

// Device memory that `penetrate_pairs` needs, aligned to 16 bytes.
std::size_t penetration_workspace_bytes(const TopologyView& a, const TopologyView& b, std::int64_t count) noexcept;

struct PairArrays {
  const float* vertices_a = nullptr;  // (count, va, 3) m, finite
  const float* vertices_b = nullptr;  // (count, vb, 3)
  double* loss = nullptr;             // (count)
  float* depth_a = nullptr;           // (count, va) m, 0 outside
  float* depth_b = nullptr;           // (count, vb)
  float* gradient_a = nullptr;        // (count, va, 3)
  float* gradient_b = nullptr;        // (count, vb, 3)
};

// The same contract as a2p::penetrate_pairs. Equal distances go to the face that comes first in the view. The same
// bits on every run: contributions to a vertex's gradient are summed in fixed point.
Status penetrate_pairs(const TopologyView& a, const TopologyView& b, std::int64_t count, const DepthLoss& loss,
                       const PairArrays& arrays, void* workspace, Stream stream) noexcept;

// Device memory that `locate` needs, aligned to 16 bytes.
std::size_t locate_workspace_bytes(const TopologyView& mesh, std::int64_t count) noexcept;

struct LocateArrays {
  const float* points = nullptr;    // (count, point_count, 3) m, finite
  const float* vertices = nullptr;  // (count, v, 3)
  float* distance = nullptr;        // (count, point_count) m, negative inside; infinite where there is no surface
  std::int32_t* face = nullptr;     // (count, point_count) caller's index of the closest face; -1 without surface
  float* weights = nullptr;         // (count, point_count, 3) barycentric
};

// Writes the signed distance of every point and where its closest surface point lies.
Status locate(const TopologyView& mesh, std::int64_t count, std::int64_t point_count, const LocateArrays& arrays,
              void* workspace, Stream stream) noexcept;

}  // namespace a2p::cuda
