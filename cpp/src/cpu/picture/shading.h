// From what samples see to linear light in every pixel.
#pragma once
#include "cpu/picture/workspace.h"

namespace a2p::picture {

// Adds the lit mesh over `workspace.background` and leaves the picture in `workspace.image`.
void shade_pixels(const Looks& looks, const Job& job, Workspace& workspace);

}  // namespace a2p::picture
