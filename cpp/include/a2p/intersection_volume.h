// The volume that two closed meshes share.
#pragma once
#include "a2p/triangle_mesh.h"

namespace a2p {

// Returns the volume (m^3) of the points about which both closed meshes wind a positive number of times: exact along z
// on a lattice of columns x columns, summed over the box that both reach into by the midpoint rule. Meshes may overlap
// themselves. A column through an edge is counted once. Requires finite vertices, indices in range and columns >= 1.
double intersection_volume(const TriangleMesh& a, const TriangleMesh& b, std::int64_t columns);

}  // namespace a2p
