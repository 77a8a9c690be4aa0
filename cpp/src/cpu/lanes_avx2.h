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

// Reads three floats from each of eight places: lane l of x, y and z gets those at base[offsets[l]]. Transposed, for
// the processor's own gathers take longer.
inline void gather_triples(const float* base, const std::int32_t* offsets, Lanes& x, Lanes& y, Lanes& z) {
  const __m128i triple = _mm_setr_epi32(-1, -1, -1, 0);
  __m256 rows[4];
  for (int i = 0; i < 4; ++i) {
    rows[i] =
        _mm256_set_m128(_mm_maskload_ps(base + offsets[i + 4], triple), _mm_maskload_ps(base + offsets[i], triple));
  }
  const __m256 xy01 = _mm256_unpacklo_ps(rows[0], rows[1]), xy23 = _mm256_unpacklo_ps(rows[2], rows[3]);
  const __m256 z01 = _mm256_unpackhi_ps(rows[0], rows[1]), z23 = _mm256_unpackhi_ps(rows[2], rows[3]);
  x.value = _mm256_shuffle_ps(xy01, xy23, 0x44);
  y.value = _mm256_shuffle_ps(xy01, xy23, 0xee);
  z.value = _mm256_shuffle_ps(z01, z23, 0x44);
}

// Writes each row's least, or greatest, lane.
template <typename Choose>
inline void reduce_each(const Lanes (&rows)[3], const Choose& choose, float (&values)[3]) {
  __m128 halves[3];
  for (int i = 0; i < 3; ++i) {
    halves[i] = choose(_mm256_castps256_ps128(rows[i].value), _mm256_extractf128_ps(rows[i].value, 1));
  }
  const __m128 xy = choose(_mm_unpacklo_ps(halves[0], halves[1]), _mm_unpackhi_ps(halves[0], halves[1])),
               zz = choose(_mm_unpacklo_ps(halves[2], halves[2]), _mm_unpackhi_ps(halves[2], halves[2]));
  alignas(16) float each[4];
  _mm_store_ps(each, choose(_mm_movelh_ps(xy, zz), _mm_movehl_ps(zz, xy)));
  for (int i = 0; i < 3; ++i) values[i] = each[i];
}
inline void lowest_of_each(const Lanes (&rows)[3], float (&values)[3]) {
  reduce_each(rows, [](__m128 a, __m128 b) { return _mm_min_ps(a, b); }, values);
}
inline void highest_of_each(const Lanes (&rows)[3], float (&values)[3]) {
  reduce_each(rows, [](__m128 a, __m128 b) { return _mm_max_ps(a, b); }, values);
}

}  // namespace a2p::A2P_ISA_NAMESPACE
