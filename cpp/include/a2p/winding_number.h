// How often a surface, closed or not, winds about points.
#pragma once
#include <cstdint>
#include <span>

#include "a2p/triangle_mesh.h"

namespace a2p {

// Writes the solid angle of the mesh about each point over 4 pi: an integer for a closed mesh, a fraction for an open
// one, on at most `threads` threads (0: the default). A point at a corner does not see the faces about it.
// Method: A. van Oosterom and J. Strackee, "The solid angle of a plane triangle", IEEE TBME 1983.
// Requires finite input and indices in range.
void winding_number(const TriangleMesh& mesh, std::span<const Vec3<double>> points, std::int32_t threads,
                    std::span<double> winding);

}  // namespace a2p
