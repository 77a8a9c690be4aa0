// Vectors of floats with comparisons, masks and an explicit fused product-sum: `Lanes` with kWidth lanes, `LaneMask`
// with one flag a lane. Nothing here depends on the compiler's contraction, so that a source that decides signs is
// compiled without it and loses nothing. Include it in kernel sources only (see cpp/kernels.cmake).
#pragma once
#if defined(__AVX512F__)
#include "cpu/lanes_avx512.h"
#elif defined(__AVX2__)
#include "cpu/lanes_avx2.h"
#else
#include "cpu/lanes_four.h"
#endif
