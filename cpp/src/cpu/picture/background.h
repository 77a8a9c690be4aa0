// What lies behind the hands.
#pragma once
#include "cpu/picture/workspace.h"

namespace a2p::picture {

// Fills `workspace.background` with linear light. Uses the shadow map, the spheres and what the samples see.
void paint_background(const Looks& looks, const Scene& scene, std::int32_t width, std::int32_t height,
                      Workspace& workspace);

}  // namespace a2p::picture
