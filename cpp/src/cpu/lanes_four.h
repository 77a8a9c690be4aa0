// Four lanes: what every x86-64 (SSE2) and AArch64 (NEON) processor has, by the compiler's vector types.
#pragma once
#if defined(__SSE2__)
#include <emmintrin.h>
#elif defined(__ARM_NEON)
#include <arm_neon.h>
#endif

#include <cmath>
#include <cstdint>

namespace a2p::A2P_ISA_NAMESPACE {

using FourFloats = float __attribute__((vector_size(16)));
using FourInts = std::int32_t __attribute__((vector_size(16)));

struct LaneMask {
  FourInts value;
};
inline LaneMask operator&(LaneMask a, LaneMask b) { return {a.value & b.value}; }
inline LaneMask operator|(LaneMask a, LaneMask b) { return {a.value | b.value}; }
inline std::uint32_t bits(LaneMask a) {
#if defined(__SSE2__)
  return static_cast<std::uint32_t>(_mm_movemask_ps(reinterpret_cast<__m128>(a.value)));
#else
  const FourInts lane_bits = a.value & FourInts{1, 2, 4, 8};
  return static_cast<std::uint32_t>(lane_bits[0] | lane_bits[1] | lane_bits[2] | lane_bits[3]);
#endif
}

struct Lanes {
  static constexpr int kWidth = 4;
  FourFloats value;

  static Lanes load(const float* aligned) { return {*reinterpret_cast<const FourFloats*>(aligned)}; }
  static Lanes load_unaligned(const float* memory) {
    Lanes lanes;
    __builtin_memcpy(&lanes.value, memory, sizeof lanes.value);
    return lanes;
  }
  static Lanes all(float x) { return {FourFloats{x, x, x, x}}; }
  void store(float* aligned) const { *reinterpret_cast<FourFloats*>(aligned) = value; }
};
inline Lanes operator+(Lanes a, Lanes b) { return {a.value + b.value}; }
inline Lanes operator-(Lanes a, Lanes b) { return {a.value - b.value}; }
inline Lanes operator*(Lanes a, Lanes b) { return {a.value * b.value}; }
inline Lanes operator/(Lanes a, Lanes b) { return {a.value / b.value}; }
inline LaneMask operator<(Lanes a, Lanes b) { return {a.value < b.value}; }
inline LaneMask operator<=(Lanes a, Lanes b) { return {a.value <= b.value}; }
inline Lanes select(LaneMask m, Lanes a, Lanes b) {
  return {reinterpret_cast<FourFloats>((reinterpret_cast<FourInts>(a.value) & m.value) |
                                       (reinterpret_cast<FourInts>(b.value) & ~m.value))};
}
inline Lanes abs(Lanes a) { return {reinterpret_cast<FourFloats>(reinterpret_cast<FourInts>(a.value) & 0x7fffffff)}; }
#if defined(__ARM_NEON)
inline Lanes fma(Lanes a, Lanes b, Lanes c) { return {(FourFloats)vfmaq_f32(c.value, a.value, b.value)}; }
inline Lanes fnma(Lanes a, Lanes b, Lanes c) { return {(FourFloats)vfmsq_f32(c.value, a.value, b.value)}; }
#else
inline Lanes fma(Lanes a, Lanes b, Lanes c) { return a * b + c; }
inline Lanes fnma(Lanes a, Lanes b, Lanes c) { return c - a * b; }
#endif
#if defined(__SSE2__)
inline Lanes min(Lanes a, Lanes b) { return {_mm_min_ps(a.value, b.value)}; }
inline Lanes max(Lanes a, Lanes b) { return {_mm_max_ps(a.value, b.value)}; }
inline Lanes sqrt(Lanes a) { return {_mm_sqrt_ps(a.value)}; }
#else
inline Lanes min(Lanes a, Lanes b) { return select(a < b, a, b); }
inline Lanes max(Lanes a, Lanes b) { return select(a < b, b, a); }
inline Lanes sqrt(Lanes a) {
  return {FourFloats{std::sqrt(a.value[0]), std::sqrt(a.value[1]), std::sqrt(a.value[2]), std::sqrt(a.value[3])}};
}
#endif
inline float lowest(Lanes a) {
  const float low = a.value[1] < a.value[0] ? a.value[1] : a.value[0];
  const float high = a.value[3] < a.value[2] ? a.value[3] : a.value[2];
  return high < low ? high : low;
}
inline float highest(Lanes a) { return -lowest(Lanes{-a.value}); }

// Reads three floats from each of four places: lane l of x, y and z gets those at base[offsets[l]].
inline void gather_triples(const float* base, const std::int32_t* offsets, Lanes& x, Lanes& y, Lanes& z) {
  const auto gather = [&](int i) {
    return FourFloats{base[offsets[0] + i], base[offsets[1] + i], base[offsets[2] + i], base[offsets[3] + i]};
  };
  x.value = gather(0);
  y.value = gather(1);
  z.value = gather(2);
}

inline void lowest_of_each(const Lanes (&rows)[3], float (&values)[3]) {
  for (int i = 0; i < 3; ++i) values[i] = lowest(rows[i]);
}
inline void highest_of_each(const Lanes (&rows)[3], float (&values)[3]) {
  for (int i = 0; i < 3; ++i) values[i] = highest(rows[i]);
}

}  // namespace a2p::A2P_ISA_NAMESPACE
