// Bilinear sampling of a picture of 8 bits, and sums of its rows; compiled once per instruction set.
#include "cpu/sample_window_kernel.h"

namespace a2p::A2P_ISA_NAMESPACE {
namespace {

using Bytes = std::uint8_t __attribute__((vector_size(16)));
using Whole = std::int32_t __attribute__((vector_size(16)));
using Pixel = float __attribute__((vector_size(16)));  // red, green, blue, and what comes behind

// A pixel that has another behind it in memory.
Pixel inner_pixel(const std::uint8_t* at) {
  std::uint32_t four;
  __builtin_memcpy(&four, at, sizeof four);
  const Bytes bytes = reinterpret_cast<const Bytes&>(static_cast<const Whole&>(Whole{static_cast<std::int32_t>(four)}));
  const Bytes spaced =
      __builtin_shufflevector(bytes, Bytes{}, 0, 16, 16, 16, 1, 16, 16, 16, 2, 16, 16, 16, 3, 16, 16, 16);
  return __builtin_convertvector(reinterpret_cast<const Whole&>(spaced), Pixel);
}

Pixel any_pixel(const std::uint8_t* at) {
  return Pixel{static_cast<float>(at[0]), static_cast<float>(at[1]), static_cast<float>(at[2]), 0.0f};
}

std::int64_t kept_within(std::int64_t index, std::int64_t last) { return index < 0 ? 0 : index > last ? last : index; }

Pixel blend(Pixel a, Pixel b, Pixel c, Pixel d, float right, float lower) {
  const Pixel above = a + (b - a) * right, below = c + (d - c) * right;
  return above + (below - above) * lower;
}

// The picture at (x, y) >= 0, px, between its pixels' centres.
Pixel between(const PictureView& picture, double x, double y) {
  const auto left = static_cast<std::int64_t>(x + 0.5) - 1, top = static_cast<std::int64_t>(y + 0.5) - 1;
  const auto right_share = static_cast<float>(x - 0.5 - static_cast<double>(left));
  const auto lower_share = static_cast<float>(y - 0.5 - static_cast<double>(top));
  const std::int64_t stride = 3 * picture.width, right_edge = picture.width - 1, lower_edge = picture.height - 1;
  if (left >= 0 && top >= 0 && left < right_edge && top < lower_edge - 1) {
    const std::uint8_t* at = picture.pixels + top * stride + 3 * left;
    return blend(inner_pixel(at), inner_pixel(at + 3), inner_pixel(at + stride), inner_pixel(at + stride + 3),
                 right_share, lower_share);
  }
  const std::uint8_t* upper = picture.pixels + kept_within(top, lower_edge) * stride;
  const std::uint8_t* lower = picture.pixels + kept_within(top + 1, lower_edge) * stride;
  const std::int64_t x0 = 3 * kept_within(left, right_edge), x1 = 3 * kept_within(left + 1, right_edge);
  return blend(any_pixel(upper + x0), any_pixel(upper + x1), any_pixel(lower + x0), any_pixel(lower + x1), right_share,
               lower_share);
}

}  // namespace

void sample_pixels(const PictureView& picture, const WindowSteps& steps, std::int64_t size, float* out) noexcept {
  for (std::int64_t row = 0; row < size; ++row) {
    const double v = static_cast<double>(row) + 0.5;
    const double row_x = steps.origin_x + v * steps.down_x, row_y = steps.origin_y + v * steps.down_y;
    for (std::int64_t column = 0; column < size; ++column, out += 3) {
      const double u = static_cast<double>(column) + 0.5;
      const double x = row_x + u * steps.right_x, y = row_y + u * steps.right_y;
      Pixel pixel{};
      if (x >= steps.low_x && x < steps.high_x && y >= steps.low_y && y < steps.high_y) {
        pixel = between(picture, x, y) * (1.0f / 255.0f);
      }
      // The fourth value lands where the next pixel will, so that one store does.
      if (row < size - 1 || column < size - 1) {
        __builtin_memcpy(out, &pixel, sizeof pixel);
      } else {
        __builtin_memcpy(out, &pixel, 3 * sizeof(float));
      }
    }
  }
}

void add_row(const std::uint8_t* row, std::int64_t count, std::uint32_t* sums) noexcept {
  const std::uint8_t* __restrict from = row;
  std::uint32_t* __restrict to = sums;
  for (std::int64_t i = 0; i < count; ++i) to[i] += from[i];
}

}  // namespace a2p::A2P_ISA_NAMESPACE
