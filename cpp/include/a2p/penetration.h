// How deep the vertices of two closed meshes lie in each other, with the gradient, in one pass.
#pragma once
#include <cstdint>

#include "a2p/depth_loss.h"
#include "a2p/mesh_scratch.h"
#include "a2p/scratch_pool.h"
#include "a2p/topology.h"

namespace a2p {

// Memory for one pair: `in_a` serves the vertices of b against mesh a, `in_b` the others.
struct PairScratch {
  PairScratch(const Topology& a, const Topology& b) : in_a(a), in_b(b) {}
  MeshScratch in_a;
  MeshScratch in_b;
};

// What one pair's evaluation writes; a null pointer leaves that part out.
struct PairOutput {
  float* depth_a = nullptr;        // (va) m, 0 outside
  float* depth_b = nullptr;        // (vb)
  std::int32_t* face_a = nullptr;  // (va) face of b that is closest to each inside vertex of a; -1 outside
  std::int32_t* face_b = nullptr;
  float* weights_a = nullptr;  // (va, 3) barycentric weights in that face; 0 outside
  float* weights_b = nullptr;
  float* gradient_a = nullptr;  // (va, 3) of the loss with respect to the vertices of a
  float* gradient_b = nullptr;
};

// Evaluates one pair of posed meshes on the calling thread and returns its loss: the sum of the penalties of the
// vertices of a inside b and of those of b inside a. Allocates nothing. Inside means a winding number above zero,
// so meshes may overlap themselves; a vertex on the surface is outside. The gradient holds the barycentric weights
// constant, which is exact (they minimise the distance); gradients of all vertices sum to zero up to rounding.
// Equal distances go to one of the faces, always the same. Results do not depend on threads or on other pairs.
// Requires finite vertices, (va, 3) and (vb, 3) in C order, in metres, and scratch made for these topologies.
double penetrate_pair(const Topology& a, const Topology& b, const float* vertices_a, const float* vertices_b,
                      const DepthLoss& loss, PairScratch& scratch, const PairOutput& output) noexcept;

using PairScratchPool = ScratchPool<PairScratch>;

// Evaluates `count` pairs on at most `threads` threads (0: the default). Inputs and outputs of a pair follow those of
// the pair before; `loss_out` (count) may be null. The same bits for any number of threads.
void penetrate_pairs(const Topology& a, const Topology& b, std::int64_t count, const float* vertices_a,
                     const float* vertices_b, const DepthLoss& loss, std::int32_t threads, PairScratchPool& pool,
                     double* loss_out, const PairOutput& output);

}  // namespace a2p
