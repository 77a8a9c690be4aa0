// The widest float vector of the instruction set that a kernel source is compiled for; see cpp/kernels.cmake.
#pragma once

namespace a2p::A2P_ISA_NAMESPACE {

#if defined(__AVX512F__)
inline constexpr int kLanes = 16;
#elif defined(__AVX__)
inline constexpr int kLanes = 8;
#else
inline constexpr int kLanes = 4;  // SSE2 and NEON; where there is neither the compiler makes scalar code of it
#endif

// Compiler vectors: arithmetic acts on lanes, and a * b + c becomes one instruction where there is one.
typedef float Floats __attribute__((vector_size(4 * kLanes)));

// Requires memory aligned to sizeof(Floats).
[[gnu::always_inline]] inline Floats load(const float* memory) noexcept {
  return *reinterpret_cast<const Floats*>(memory);
}

[[gnu::always_inline]] inline void store(float* memory, Floats value) noexcept {
  *reinterpret_cast<Floats*>(memory) = value;
}

// Returns the sum over the lanes, by halving, so that the order of additions is fixed.
[[gnu::always_inline]] inline float sum(Floats value) noexcept {
  alignas(sizeof(Floats)) float lanes[kLanes];
  store(lanes, value);
  for (int width = kLanes / 2; width > 0; width /= 2) {
    for (int lane = 0; lane < width; ++lane) lanes[lane] += lanes[lane + width];
  }
  return lanes[0];
}

}  // namespace a2p::A2P_ISA_NAMESPACE
