// Blur of whole images; edges repeat.
#pragma once
#include "cpu/picture/workspace.h"

namespace a2p::picture {

// Gaussian of this standard deviation (px): exact taps where narrow, three box means where wide.
void blur(float deviation, Image& image, Image& scratch);

// Mean over a straight path of (x, y) px around each pixel.
void blur_along(float x, float y, Image& image, Image& scratch);

// Throws away resolution: down to `share` of the size by area, and up again linearly.
void coarsen(float share, Image& image, Image& scratch);

}  // namespace a2p::picture
