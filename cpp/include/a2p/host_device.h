// A2P_HD marks arithmetic that the CPU and CUDA sources share.
#pragma once

// Always inlined: the CPU kernels are compiled once per instruction set, and an out-of-line copy of an inline
// function made with AVX-512 could be the one that the linker keeps for every caller.
#if defined(__CUDACC__)
#define A2P_HD __host__ __device__ __forceinline__
#elif defined(__GNUC__)
#define A2P_HD [[gnu::always_inline]] inline
#else
#define A2P_HD __forceinline
#endif
