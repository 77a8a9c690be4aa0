// Sixteen lanes by AVX-512.
#pragma once
#include <immintrin.h>

#include <cstdint>

// GCC 12's own header trips these where it is inlined (GCC bug 105593, fixed in GCC 13).
#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ < 13
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

namespace a2p::A2P_ISA_NAMESPACE {

struct LaneMask {
  __mmask16 value;
};
inline LaneMask operator&(LaneMask a, LaneMask b) { return {static_cast<__mmask16>(a.value & b.value)}; }
inline LaneMask operator|(LaneMask a, LaneMask b) { return {static_cast<__mmask16>(a.value | b.value)}; }
inline std::uint32_t bits(LaneMask a) { return a.value; }

struct Lanes {
  static constexpr int kWidth = 16;
  __m512 value;

  static Lanes load(const float* aligned) { return {_mm512_load_ps(aligned)}; }
  static Lanes load_unaligned(const float* memory) { return {_mm512_loadu_ps(memory)}; }
  static Lanes all(float x) { return {_mm512_set1_ps(x)}; }
  void store(float* aligned) const { _mm512_store_ps(aligned, value); }
};
inline Lanes operator+(Lanes a, Lanes b) { return {_mm512_add_ps(a.value, b.value)}; }
inline Lanes operator-(Lanes a, Lanes b) { return {_mm512_sub_ps(a.value, b.value)}; }
inline Lanes operator*(Lanes a, Lanes b) { return {_mm512_mul_ps(a.value, b.value)}; }
inline Lanes operator/(Lanes a, Lanes b) { return {_mm512_div_ps(a.value, b.value)}; }
inline Lanes fma(Lanes a, Lanes b, Lanes c) { return {_mm512_fmadd_ps(a.value, b.value, c.value)}; }
inline Lanes fnma(Lanes a, Lanes b, Lanes c) { return {_mm512_fnmadd_ps(a.value, b.value, c.value)}; }
inline Lanes min(Lanes a, Lanes b) { return {_mm512_min_ps(a.value, b.value)}; }
inline Lanes max(Lanes a, Lanes b) { return {_mm512_max_ps(a.value, b.value)}; }
inline Lanes abs(Lanes a) { return {_mm512_abs_ps(a.value)}; }
inline Lanes sqrt(Lanes a) { return {_mm512_sqrt_ps(a.value)}; }
inline LaneMask operator<(Lanes a, Lanes b) { return {_mm512_cmp_ps_mask(a.value, b.value, _CMP_LT_OQ)}; }
inline LaneMask operator<=(Lanes a, Lanes b) { return {_mm512_cmp_ps_mask(a.value, b.value, _CMP_LE_OQ)}; }
inline Lanes select(LaneMask m, Lanes a, Lanes b) { return {_mm512_mask_blend_ps(m.value, b.value, a.value)}; }
inline float lowest(Lanes a) { return _mm512_reduce_min_ps(a.value); }
inline float highest(Lanes a) { return _mm512_reduce_max_ps(a.value); }

// Reads three floats from each of sixteen places: lane l of x, y and z gets those at base[offsets[l]].
inline void gather_triples(const float* base, const std::int32_t* offsets, Lanes& x, Lanes& y, Lanes& z) {
  const __m512i places = _mm512_loadu_si512(offsets);
  x.value = _mm512_i32gather_ps(places, base, 4);
  y.value = _mm512_i32gather_ps(places, base + 1, 4);
  z.value = _mm512_i32gather_ps(places, base + 2, 4);
}

inline void lowest_of_each(const Lanes (&rows)[3], float (&values)[3]) {
  for (int i = 0; i < 3; ++i) values[i] = lowest(rows[i]);
}
inline void highest_of_each(const Lanes (&rows)[3], float (&values)[3]) {
  for (int i = 0; i < 3; ++i) values[i] = highest(rows[i]);
}

}  // namespace a2p::A2P_ISA_NAMESPACE
