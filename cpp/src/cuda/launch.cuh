// Kernel launches whose failure is reported with the kernel's name.
#pragma once
#include <cuda_runtime.h>

#include <cstddef>
#include <utility>

#include "a2p/cuda/status.h"

namespace a2p::cuda {

inline Status status_of(cudaError_t error, const char* where) noexcept {
  if (error == cudaSuccess) return {};
  cudaGetLastError();  // so that it is not reported again by a later call
  return {where, cudaGetErrorString(error)};
}

// Where and on what a kernel runs.
struct Launch {
  dim3 blocks;
  unsigned threads;
  cudaStream_t stream;
  std::size_t shared_bytes = 0;
};

// Queues `kernel`, which needs no more shared memory than the device offers.
template <typename... Parameters, typename... Arguments>
Status launch(const char* name, const Launch& how, void (*kernel)(Parameters...), Arguments&&... arguments) noexcept {
  constexpr std::size_t kAlwaysAllowed = 48 * 1024;
  if (how.shared_bytes > kAlwaysAllowed) {
    const cudaError_t error =
        cudaFuncSetAttribute(reinterpret_cast<const void*>(kernel), cudaFuncAttributeMaxDynamicSharedMemorySize,
                             static_cast<int>(how.shared_bytes));
    if (error != cudaSuccess) return status_of(error, name);
  }
  cudaLaunchConfig_t config{};
  config.gridDim = how.blocks;
  config.blockDim = dim3(how.threads, 1, 1);
  config.dynamicSmemBytes = how.shared_bytes;
  config.stream = how.stream;
  return status_of(cudaLaunchKernelEx(&config, kernel, std::forward<Arguments>(arguments)...), name);
}

}  // namespace a2p::cuda
