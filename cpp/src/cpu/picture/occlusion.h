// How much of the sky nearby bodies hide: hands as a few spheres along their bones.
#pragma once
#include "cpu/picture/workspace.h"

namespace a2p::picture {

// Fills the workspace's spheres and every vertex's share of the sky.
void hide_sky(const Looks& looks, const Job& job, Workspace& workspace);

// The share of the sky that spheres leave open at `count` points. The workspace's planes hold seven rows of them: x, y,
// z, the surface's normal, and room for the result.
void leave_sky_open(const std::vector<Sphere>& spheres, std::size_t count, Workspace& workspace);

}  // namespace a2p::picture
