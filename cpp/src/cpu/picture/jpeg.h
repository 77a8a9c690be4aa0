// What saving as JPEG loses: chroma at half resolution and rounded cosine coefficients (ITU-T T.81, annex K).
#pragma once
#include <cstdint>
#include <span>
#include <vector>

namespace a2p::picture {

// Replaces the picture by what a baseline JPEG file of this quality (1 to 100, libjpeg's scale) would decode to.
// `planes` is scratch.
void lose_as_jpeg(std::span<std::uint8_t> rgb, std::int32_t width, std::int32_t height, float quality,
                  std::vector<float>& planes);

}  // namespace a2p::picture
