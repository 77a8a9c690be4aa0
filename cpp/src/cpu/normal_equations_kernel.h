// The kernel of cpu/normal_equations_kernel.cpp, one copy an instruction set.
#pragma once

namespace a2p {

inline constexpr int kNormalColumns = 40;

}  // namespace a2p

#define A2P_DECLARE_NORMAL_EQUATIONS(isa)                                          \
  namespace a2p::isa {                                                             \
  void normal_equations(const double* rows, int count, double* products) noexcept; \
  }

// Writes rows^T rows (kNormalColumns x kNormalColumns, upper triangle) for `count` rows of kNormalColumns numbers. Both
// are aligned to 64 bytes.
A2P_DECLARE_NORMAL_EQUATIONS(portable)
#if defined(__x86_64__)
A2P_DECLARE_NORMAL_EQUATIONS(avx2)
A2P_DECLARE_NORMAL_EQUATIONS(avx512)
#elif defined(__aarch64__)
A2P_DECLARE_NORMAL_EQUATIONS(neon)
#endif
