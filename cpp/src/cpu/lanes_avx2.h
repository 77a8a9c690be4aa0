// Eight lanes by AVX2 and FMA.
#pragma once
#include <immintrin.h>

#include <cstdint>

namespace a2p::A2P_ISA_NAMESPACE {

struct LaneMask {
  __m256 value;
};
inline LaneMask operator&(LaneMask a, LaneMask b) { return {_mm256_and_ps(a.value, b.value)}; }
inline LaneMask operator|(LaneMask a, LaneMask b) { return {_mm256_or_ps(a.value, b.value)}; }
inline std::uint32_t bits(LaneMask a) { return static_cast<std::uint32_t>(_mm256_movemask_ps(a.value)); }

struct Lanes {
  static constexpr int kWidth = 8;
  __m256 value;

  static Lanes load(const float* aligned) { return {_mm256_load_ps(aligned)}; }
  static Lanes load_unaligned(const float* memory) { return {_mm256_loadu_ps(memory)}; }
  static Lanes all(float x) { return {_mm256_set1_ps(x)}; }
  // Lane l gets base[offsets[l]].
  static Lanes gather(const float* base, const std::int32_t* offsets) {
    return {_mm256_i32gather_ps(base, _mm256_loadu_si256(reinterpret_cast<const __m256i*>(offsets)), 4)};
  }
  void store(float* aligned) const { _mm256_store_ps(aligned, value); }
};
inline Lanes operator+(Lanes a, Lanes b) { return {_mm256_add_ps(a.value, b.value)}; }
inline Lanes operator-(Lanes a, Lanes b) { return {_mm256_sub_ps(a.value, b.value)}; }
inline Lanes operator*(Lanes a, Lanes b) { return {_mm256_mul_ps(a.value, b.value)}; }
inline Lanes operator/(Lanes a, Lanes b) { return {_mm256_div_ps(a.value, b.value)}; }
inline Lanes fma(Lanes a, Lanes b, Lanes c) { return {_mm256_fmadd_ps(a.value, b.value, c.value)}; }
inline Lanes fnma(Lanes a, Lanes b, Lanes c) { return {_mm256_fnmadd_ps(a.value, b.value, c.value)}; }
inline Lanes min(Lanes a, Lanes b) { return {_mm256_min_ps(a.value, b.value)}; }
inline Lanes max(Lanes a, Lanes b) { return {_mm256_max_ps(a.value, b.value)}; }
inline Lanes abs(Lanes a) { return {_mm256_andnot_ps(_mm256_set1_ps(-0.0f), a.value)}; }
inline Lanes sqrt(Lanes a) { return {_mm256_sqrt_ps(a.value)}; }
inline LaneMask operator<(Lanes a, Lanes b) { return {_mm256_cmp_ps(a.value, b.value, _CMP_LT_OQ)}; }
inline LaneMask operator<=(Lanes a, Lanes b) { return {_mm256_cmp_ps(a.value, b.value, _CMP_LE_OQ)}; }
inline Lanes select(LaneMask m, Lanes a, Lanes b) { return {_mm256_blendv_ps(b.value, a.value, m.value)}; }
inline float lowest(Lanes a) {
  __m128 half = _mm_min_ps(_mm256_castps256_ps128(a.value), _mm256_extractf128_ps(a.value, 1));
  half = _mm_min_ps(half, _mm_movehl_ps(half, half));
  return _mm_cvtss_f32(_mm_min_ss(half, _mm_movehdup_ps(half)));
}
inline float highest(Lanes a) { return -lowest(Lanes{_mm256_xor_ps(a.value, _mm256_set1_ps(-0.0f))}); }

}  // namespace a2p::A2P_ISA_NAMESPACE
