// The smallest distance between two surfaces.
#pragma once
#include "a2p/triangle_mesh.h"

namespace a2p {

// Returns the smallest distance (m) from a point of one surface to a point of the other: 0 where they cross or touch,
// infinite where one has no face. Every face given is surface: leave caps out. Requires finite vertices and indices in
// range. Method: pairs of boxes, nearest first, each mesh in a tree of them.
double surface_distance(const TriangleMesh& a, const TriangleMesh& b);

}  // namespace a2p
