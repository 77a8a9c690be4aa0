// From linear light to the bytes of a file: lens, sensor, tone curve, compression.
#pragma once
#include "cpu/picture/workspace.h"

namespace a2p::picture {

// Writes the workspace's image as sRGB bytes.
void take_picture(const Job& job, Workspace& workspace);

}  // namespace a2p::picture
