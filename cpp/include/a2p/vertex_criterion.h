// The collision criterion by pairs of vertices and their normals, for comparison with the exact one: Han et al., "From
// 2D Alignment to 3D Plausibility", CVPR 2026, eq. 5, with the Geman-McClure penalty.
#pragma once
#include <cstdint>
#include <span>

#include "a2p/triangle_mesh.h"

namespace a2p {

struct VertexCriterion {
  double max_distance;  // m, of a colliding pair
  double max_cosine;    // between its normals
  double rho;           // m, where the penalty reaches one half
};

// Of one mesh of the pair; all (v).
struct VertexCollisions {
  std::span<bool> collides;
  std::span<Vec3<double>> gradient;
};

// Writes which vertices collide with their nearest neighbour on the other mesh (the lowest index if several are), and
// the gradient of the summed penalty, which it returns. Neighbours and normals are constants of the derivative.
// Requires at least one vertex a mesh, finite vertices and indices in range.
double vertex_collisions(const TriangleMesh& a, const TriangleMesh& b, const VertexCriterion& criterion,
                         const VertexCollisions& of_a, const VertexCollisions& of_b);

}  // namespace a2p
