// The shared memory whose size a launch chooses.
#pragma once

namespace a2p::cuda {

__device__ __forceinline__ unsigned char* dynamic_shared() {
  extern __shared__ float4 memory[];  // aligned to 16 bytes
  return reinterpret_cast<unsigned char*>(memory);
}

}  // namespace a2p::cuda
