// The kernel of cpu/winding_kernel.cpp, one copy an instruction set.
#pragma once
#include <cstdint>

#include "a2p/vec3.h"

namespace a2p {

// Points that are answered at once.
inline constexpr int kWindingPoints = 8;

// One vertex as its points see it: the way from each point to it, and its length.
struct alignas(64) SeenVertex {
  double x[kWindingPoints], y[kWindingPoints], z[kWindingPoints], length[kWindingPoints];
};

}  // namespace a2p

#define A2P_DECLARE_WINDING(isa)                                                                                 \
  namespace a2p::isa {                                                                                           \
  void wind(const Vec3<double>* vertices, std::int64_t vertex_count, const Vec3<std::int64_t>* faces,            \
            std::int64_t face_count, const Vec3<double>* points, SeenVertex* seen, double* half_turns) noexcept; \
  }

// Writes the solid angle of the mesh about kWindingPoints points over 2 pi. `seen` is room for the vertices.
A2P_DECLARE_WINDING(portable)
#if defined(__x86_64__)
A2P_DECLARE_WINDING(avx2)
A2P_DECLARE_WINDING(avx512)
#elif defined(__aarch64__)
A2P_DECLARE_WINDING(neon)
#endif
