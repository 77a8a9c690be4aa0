// Arrays of the host in one piece of device memory.
#pragma once
#include <array>
#include <cstddef>

#include "cuda/carver.cuh"
#include "cuda/launch.cuh"

namespace a2p::cuda {

// An array to copy, and where its device pointer is to stand.
struct HostArray {
  const void* data;
  std::size_t bytes;
  const void** device_pointer;
};

template <typename T>
HostArray host_array(const T* data, std::size_t count, const T** device_pointer) {
  return {data, sizeof(T) * count, reinterpret_cast<const void**>(device_pointer)};
}

// Allocates memory of the current device, to be freed with cudaFree, and copies the arrays to it. They have arrived
// when this returns, so that any stream may read them.
template <std::size_t kCount>
Status copy_to_device(const std::array<HostArray, kCount>& arrays, void** memory) noexcept {
  Carver sizes(nullptr);
  for (const HostArray& array : arrays) sizes.take<unsigned char>(static_cast<std::int64_t>(array.bytes));
  const std::size_t bytes = sizes.bytes() > 0 ? sizes.bytes() : 1;
  if (const Status status = status_of(cudaMalloc(memory, bytes), "cudaMalloc"); !status.ok()) return status;
  Carver carver(*memory);
  for (const HostArray& array : arrays) {
    unsigned char* const place = carver.take<unsigned char>(static_cast<std::int64_t>(array.bytes));
    *array.device_pointer = place;
    if (array.bytes == 0) continue;
    const cudaError_t error = cudaMemcpy(place, array.data, array.bytes, cudaMemcpyHostToDevice);
    if (error != cudaSuccess) return status_of(error, "cudaMemcpy");
  }
  // A copy from pageable memory may return before it has arrived, and other streams do not wait for it.
  return status_of(cudaStreamSynchronize(nullptr), "cudaStreamSynchronize");
}

}  // namespace a2p::cuda
