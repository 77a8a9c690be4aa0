// What is known of each pixel and keypoint.
#pragma once
#include "cpu/picture/workspace.h"

namespace a2p::picture {

// Fills the job's label, depth and visible from what the samples see.
void write_labels(const Looks& looks, const Job& job, const Workspace& workspace);

}  // namespace a2p::picture
