// Pixel values out of vertex values: interpolation on the faces that pixels see, averaged over supersamples.
#pragma once
#include <array>
#include <cstdint>
#include <span>

namespace a2p {

// One image to resolve. The raster is `samples` times as wide and high as the output.
struct ResolveJob {
  std::span<const std::array<std::int32_t, 3>> faces;
  std::span<const float> values;                  // (vertex count, channels)
  std::span<const std::int32_t> face;             // of each sample, RasterImage::kNoFace where none
  std::span<const std::array<float, 3>> weights;  // of each sample
  std::span<float> output;                        // (height, width, channels)
};

struct ResolveShape {
  std::int32_t width = 0;  // of the output, px
  std::int32_t height = 0;
  std::int32_t channels = 0;
  std::int32_t samples = 1;  // a side: each pixel is the mean of samples * samples
};

// Writes each pixel's mean over its samples of the vertex values interpolated there. A sample that sees nothing counts
// as zero, so that the result is premultiplied by coverage. Requires consistent sizes and samples >= 1.
void resolve(std::span<const ResolveJob> jobs, const ResolveShape& shape, std::int32_t threads);

}  // namespace a2p
