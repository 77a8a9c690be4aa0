// What spheres hide of the sky from many points, one copy an instruction set. See cpp/kernels.cmake.
#pragma once
#include <cstdint>

namespace a2p::picture {

// A sphere (m), and how far (m) from its centre it hides anything.
struct Hider {
  float x, y, z;
  float radius;
  float reach;
};

}  // namespace a2p::picture

#define A2P_DECLARE_OCCLUSION_KERNEL(isa)                                                                 \
  namespace a2p::isa {                                                                                    \
  void add_hidden(const picture::Hider& sphere, const float* share, std::int64_t begin, std::int64_t end, \
                  std::int64_t count, float* planes) noexcept;                                            \
  void write_open_share(const float* hidden, std::int64_t count, float* share) noexcept;                  \
  }

// `planes` holds seven numbers for each of `count` points, one kind after the other: position, normal, and the sum that
// add_hidden adds to, for points [begin, end), what the sphere hides times the point's `share`: its solid angle
// weighted by the cosine, softly cut at the horizon. write_open_share turns such sums into what is left of the sky,
// counting what overlaps once.
A2P_DECLARE_OCCLUSION_KERNEL(portable)
A2P_DECLARE_OCCLUSION_KERNEL(neon)
A2P_DECLARE_OCCLUSION_KERNEL(avx2)
A2P_DECLARE_OCCLUSION_KERNEL(avx512)

#undef A2P_DECLARE_OCCLUSION_KERNEL
