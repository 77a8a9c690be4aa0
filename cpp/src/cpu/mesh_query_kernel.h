// The kernels of cpu/mesh_query_kernel.cpp, one copy an instruction set.
#pragma once
#include "cpu/posed_mesh.h"

#define A2P_DECLARE_MESH_QUERIES(isa)                                                                         \
  namespace a2p::isa {                                                                                        \
  double penetrate(PosedMesh& mesh, const TopologyView& topology, const float* points, const DepthLoss& loss, \
                   const QueryOutput& output) noexcept;                                                       \
  void prepare(PosedMesh& mesh) noexcept;                                                                     \
  void signed_distances(const PosedMesh& mesh, std::int32_t count, const float* points,                       \
                        const QueryOutput& output) noexcept;                                                  \
  }

// penetrate: returns the summed penalty of the points, vertices of `topology`, that lie inside `mesh`, whose vertices
// are set. Fits the mesh if any point is near; writes depths (0 outside), and with a gradient also mesh.scatter.
// prepare: fits the mesh to its vertices. signed_distances: negative inside; requires a prepared mesh.
A2P_DECLARE_MESH_QUERIES(portable)
#if defined(__x86_64__)
A2P_DECLARE_MESH_QUERIES(avx2)
A2P_DECLARE_MESH_QUERIES(avx512)
#elif defined(__aarch64__)
A2P_DECLARE_MESH_QUERIES(neon)
#endif
