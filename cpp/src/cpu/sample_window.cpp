#include "a2p/sample_window.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "a2p/isa.h"
#include "cpu/sample_window_kernel.h"

namespace a2p {
namespace {

// Blocks longer than this are averaged only in part.
constexpr double kLargestBlock = 1e9;

WindowSteps steps_of(const PictureView& picture, const Window& window, std::int64_t size) {
  const double step = window.side / static_cast<double>(size), half = 0.5 * static_cast<double>(size);
  const double cosine = step * std::cos(window.rotation), sine = step * std::sin(window.rotation);
  WindowSteps steps{};
  steps.right_x = window.is_mirrored ? -cosine : cosine;
  steps.right_y = window.is_mirrored ? -sine : sine;
  steps.down_x = -sine;
  steps.down_y = cosine;
  steps.origin_x = window.centre_x - half * (steps.right_x + steps.down_x);
  steps.origin_y = window.centre_y - half * (steps.right_y + steps.down_y);
  steps.high_x = static_cast<double>(picture.width);
  steps.high_y = static_cast<double>(picture.height);
  return steps;
}

// The steps on a picture of blocks, the first of which begins at (x, y).
WindowSteps steps_on_blocks(const WindowSteps& steps, double x, double y, double block) {
  return {(steps.origin_x - x) / block, (steps.origin_y - y) / block, steps.right_x / block,
          steps.right_y / block,        steps.down_x / block,         steps.down_y / block,
          (steps.low_x - x) / block,    (steps.low_y - y) / block,    (steps.high_x - x) / block,
          (steps.high_y - y) / block};
}

// Averages a row of blocks whose columns have been added up.
void average_row(const std::vector<std::uint32_t>& sums, std::int64_t block, std::int64_t rows, std::uint8_t* out) {
  const auto width = static_cast<std::int64_t>(sums.size() / 3);
  for (std::int64_t x = 0; x < width; x += block, out += 3) {
    const std::int64_t end = std::min(x + block, width);
    std::int64_t red = 0, green = 0, blue = 0;
    for (const std::uint32_t* at = sums.data() + 3 * x; at != sums.data() + 3 * end; at += 3) {
      red += at[0];
      green += at[1];
      blue += at[2];
    }
    const double share = 1.0 / static_cast<double>((end - x) * rows);
    out[0] = static_cast<std::uint8_t>(static_cast<double>(red) * share + 0.5);
    out[1] = static_cast<std::uint8_t>(static_cast<double>(green) * share + 0.5);
    out[2] = static_cast<std::uint8_t>(static_cast<double>(blue) * share + 0.5);
  }
}

// The pixels [low, high) of one axis that a window reaches, with a block around them.
std::pair<std::int64_t, std::int64_t> reach(double origin, double right, double down, double block,
                                            std::int64_t length) {
  const double low = origin + std::min(right, 0.0) + std::min(down, 0.0) - block;
  const double high = origin + std::max(right, 0.0) + std::max(down, 0.0) + block;
  const auto most = static_cast<double>(length);
  const auto first = static_cast<std::int64_t>(std::clamp(std::floor(low), 0.0, most - 1.0));
  return {first, std::max(first + 1, static_cast<std::int64_t>(std::clamp(std::ceil(high), 0.0, most)))};
}

}  // namespace

void sample_window(const PictureView& picture, const Window& window, std::int64_t size, std::span<float> out) {
  const Isa isa = active_isa();
  const WindowSteps steps = steps_of(picture, window, size);
  const auto block = static_cast<std::int64_t>(std::min(window.side / static_cast<double>(size), kLargestBlock));
  if (block < 2) {
    A2P_DISPATCH(isa, sample_pixels, picture, steps, size, out.data());
    return;
  }
  const auto extent = static_cast<double>(size), wide = static_cast<double>(block);
  const auto [x0, x1] = reach(steps.origin_x, extent * steps.right_x, extent * steps.down_x, wide, picture.width);
  const auto [y0, y1] = reach(steps.origin_y, extent * steps.right_y, extent * steps.down_y, wide, picture.height);
  const std::int64_t width = (x1 - x0 + block - 1) / block, height = (y1 - y0 + block - 1) / block;
  std::vector<std::uint8_t> blocks(static_cast<std::size_t>(3 * width * height));
  std::vector<std::uint32_t> sums(static_cast<std::size_t>(3 * (x1 - x0)));
  for (std::int64_t row = 0; row < height; ++row) {
    const std::int64_t top = y0 + row * block, end = std::min(top + block, y1);
    std::fill(sums.begin(), sums.end(), 0u);
    for (std::int64_t y = top; y < end; ++y) {
      const std::uint8_t* bytes = picture.pixels + 3 * (y * picture.width + x0);
      A2P_DISPATCH(isa, add_row, bytes, 3 * (x1 - x0), sums.data());
    }
    average_row(sums, block, end - top, blocks.data() + 3 * row * width);
  }
  const WindowSteps on_blocks = steps_on_blocks(steps, static_cast<double>(x0), static_cast<double>(y0), wide);
  A2P_DISPATCH(isa, sample_pixels, PictureView{blocks.data(), width, height}, on_blocks, size, out.data());
}

}  // namespace a2p
