// Arrays carved out of one piece of memory.
#pragma once
#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>

namespace a2p::cuda {

// Hands out arrays one after the other, each aligned to 16 bytes; with a null start it only counts bytes.
class Carver {
 public:
  __host__ __device__ explicit Carver(void* start) : start_(static_cast<unsigned char*>(start)) {}

  template <typename T>
  __host__ __device__ T* take(std::int64_t count) {
    T* const array = start_ == nullptr ? nullptr : reinterpret_cast<T*>(start_ + bytes_);
    bytes_ += (sizeof(T) * static_cast<std::size_t>(count) + 15) / 16 * 16;
    return array;
  }
  __host__ __device__ std::size_t bytes() const { return bytes_; }

 private:
  unsigned char* start_;
  std::size_t bytes_ = 0;
};

}  // namespace a2p::cuda
