// How much of the sky nearby bodies hide: hands as a few spheres along their bones.
#pragma once
#include "cpu/picture/workspace.h"

namespace a2p::picture {

// Fills the workspace's spheres and every vertex's share of the sky.
void hide_sky(const Looks& looks, const Job& job, Workspace& workspace);

// The share of the sky that reaches a point of a surface with this normal, over all spheres.
float sky_at(const std::vector<Sphere>& spheres, const Point& point, const Point& normal) noexcept;

}  // namespace a2p::picture
