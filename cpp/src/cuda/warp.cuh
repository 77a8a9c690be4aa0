// Reductions over the lanes of a warp or of half a warp.
#pragma once
#include <cuda_runtime.h>

namespace a2p::cuda {

inline constexpr int kWarp = 32;
inline constexpr int kHalfWarp = 16;
inline constexpr unsigned kAllLanes = 0xffffffffu;

__device__ __forceinline__ int lane_index() { return static_cast<int>(threadIdx.x) % kWarp; }

// The lanes of this thread's half of its warp.
__device__ __forceinline__ unsigned half_mask() { return lane_index() < kHalfWarp ? 0xffffu : 0xffff0000u; }

__device__ __forceinline__ int sum_over_warp(int value) {
#pragma unroll
  for (int step = kHalfWarp; step > 0; step /= 2) value += __shfl_xor_sync(kAllLanes, value, step);
  return value;
}

// All lanes of the half get the same bits: the sum of two is the same in either order.
__device__ __forceinline__ float sum_over_half(float value) {
#pragma unroll
  for (int step = kHalfWarp / 2; step > 0; step /= 2) value += __shfl_xor_sync(half_mask(), value, step);
  return value;
}

__device__ __forceinline__ float lowest_over_half(float value) {
#pragma unroll
  for (int step = kHalfWarp / 2; step > 0; step /= 2) value = fminf(value, __shfl_xor_sync(half_mask(), value, step));
  return value;
}

__device__ __forceinline__ float highest_over_half(float value) {
#pragma unroll
  for (int step = kHalfWarp / 2; step > 0; step /= 2) value = fmaxf(value, __shfl_xor_sync(half_mask(), value, step));
  return value;
}

__device__ __forceinline__ unsigned long long lowest_over_half(unsigned long long key) {
#pragma unroll
  for (int step = kHalfWarp / 2; step > 0; step /= 2) {
    const unsigned long long other = __shfl_xor_sync(half_mask(), key, step);
    key = other < key ? other : key;
  }
  return key;
}

__device__ __forceinline__ unsigned long long lowest_over_warp(unsigned long long key) {
  key = lowest_over_half(key);
  const unsigned long long other = __shfl_xor_sync(kAllLanes, key, kHalfWarp);
  return other < key ? other : key;
}

}  // namespace a2p::cuda
