// Stands in for CUDA's header, so that CUDA sources compile for the processor and their kernels run in it: every
// thread of a block is a fibre that runs until it waits for others. It finds wrong results, wrong indices (under
// sanitizers), and waits that never end; the order of the fibres can be reversed, which shows most missing waits.
#pragma once
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <limits>

#define __host__
#define __device__
#define __global__
#define __forceinline__ inline
#define __launch_bounds__(...)

struct float4 {
  float x, y, z, w;
};
struct int2 {
  int x, y;
};
struct dim3 {
  constexpr dim3(unsigned x = 1, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z) {}
  unsigned x, y, z;
};

inline dim3 threadIdx, blockIdx, blockDim, gridDim;
using std::isfinite;
using std::max;
using std::min;

namespace cuda_on_host {

// How many bytes of shared memory a block may have, and whether its fibres run in reverse order.
inline int most_shared_bytes = 227 * 1024;
inline bool is_reversed = false;

unsigned char* dynamic_shared();
void wait_for_block();
// Waits for the lanes of `mask` and returns what each of the warp's 32 lanes brought.
const std::uint64_t* exchange(unsigned mask, std::uint64_t value);
void run(dim3 blocks, dim3 threads, std::size_t shared_bytes, const std::function<void()>& kernel);

template <typename T>
T exchanged(unsigned mask, T value, int from) {
  std::uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof(T));
  const std::uint64_t other = exchange(mask, bits)[from];
  if ((mask >> from & 1) == 0) std::abort();  // a lane that does not take part
  std::memcpy(&value, &other, sizeof(T));
  return value;
}

inline int lane() { return static_cast<int>(threadIdx.x % 32); }

}  // namespace cuda_on_host

inline void __syncthreads() { cuda_on_host::wait_for_block(); }
inline void __syncwarp(unsigned mask = 0xffffffffu) { cuda_on_host::exchange(mask, 0); }
template <typename T>
T __shfl_sync(unsigned mask, T value, int from) {
  return cuda_on_host::exchanged(mask, value, from);
}
template <typename T>
T __shfl_xor_sync(unsigned mask, T value, int step) {
  return cuda_on_host::exchanged(mask, value, cuda_on_host::lane() ^ step);
}
inline unsigned __ballot_sync(unsigned mask, bool vote) {
  const std::uint64_t* votes = cuda_on_host::exchange(mask, vote ? 1 : 0);
  unsigned ballot = 0;
  for (int lane = 0; lane < 32; ++lane) ballot |= (mask >> lane & 1) != 0 && votes[lane] != 0 ? 1u << lane : 0u;
  return ballot;
}
inline int __ffs(int value) { return value == 0 ? 0 : std::countr_zero(static_cast<unsigned>(value)) + 1; }
inline int __popc(unsigned value) { return std::popcount(value); }
inline unsigned __float_as_uint(float value) { return std::bit_cast<unsigned>(value); }
inline float __uint_as_float(unsigned value) { return std::bit_cast<float>(value); }
template <typename T>
T atomicAdd(T* memory, T value) {
  const T before = *memory;
  *memory = before + value;
  return before;
}

using cudaStream_t = void*;
enum cudaError_t { cudaSuccess, cudaErrorInvalidValue };
enum cudaFuncAttribute { cudaFuncAttributeMaxDynamicSharedMemorySize };
enum cudaDeviceAttr { cudaDevAttrMaxSharedMemoryPerBlockOptin, cudaDevAttrMultiProcessorCount };
enum cudaMemcpyKind { cudaMemcpyHostToDevice };
struct cudaLaunchConfig_t {
  dim3 gridDim, blockDim;
  std::size_t dynamicSmemBytes = 0;
  cudaStream_t stream = nullptr;
};

inline cudaError_t cudaGetLastError() { return cudaSuccess; }
inline const char* cudaGetErrorString(cudaError_t) { return "invalid value"; }
inline cudaError_t cudaGetDeviceCount(int* count) { return *count = 1, cudaSuccess; }
inline cudaError_t cudaGetDevice(int* device) { return *device = 0, cudaSuccess; }
inline cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int) {
  *value = attribute == cudaDevAttrMultiProcessorCount ? 4 : cuda_on_host::most_shared_bytes;
  return cudaSuccess;
}
inline cudaError_t cudaFuncSetAttribute(const void*, cudaFuncAttribute, int bytes) {
  return bytes <= cuda_on_host::most_shared_bytes ? cudaSuccess : cudaErrorInvalidValue;
}
inline cudaError_t cudaMalloc(void** memory, std::size_t bytes) { return *memory = std::malloc(bytes), cudaSuccess; }
inline cudaError_t cudaFree(void* memory) { return std::free(memory), cudaSuccess; }
inline cudaError_t cudaMemcpy(void* to, const void* from, std::size_t bytes, cudaMemcpyKind) {
  return std::memcpy(to, from, bytes), cudaSuccess;
}
inline cudaError_t cudaMemsetAsync(void* memory, int value, std::size_t bytes, cudaStream_t) {
  return std::memset(memory, value, bytes), cudaSuccess;
}
inline cudaError_t cudaStreamSynchronize(cudaStream_t) { return cudaSuccess; }

template <typename... Parameters, typename... Arguments>
cudaError_t cudaLaunchKernelEx(const cudaLaunchConfig_t* config, void (*kernel)(Parameters...), Arguments&&... given) {
  const dim3 &blocks = config->gridDim, &threads = config->blockDim;
  if (blocks.x * blocks.y * blocks.z == 0 || blocks.y > 65535 || blocks.z > 65535) return cudaErrorInvalidValue;
  if (threads.x == 0 || threads.x > 1024) return cudaErrorInvalidValue;
  cuda_on_host::run(config->gridDim, config->blockDim, config->dynamicSmemBytes,
                    [&] { kernel(static_cast<Parameters>(given)...); });
  return cudaSuccess;
}
