#include "cpu/picture/jpeg.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace a2p::picture {
namespace {

constexpr std::int32_t kBlock = 8;
using Block = std::array<float, 64>;

constexpr std::array<int, 64> kLuma{16, 11, 10, 16, 24,  40,  51,  61,  12, 12, 14, 19, 26,  58,  60,  55,
                                    14, 13, 16, 24, 40,  57,  69,  56,  14, 17, 22, 29, 51,  87,  80,  62,
                                    18, 22, 37, 56, 68,  109, 103, 77,  24, 35, 55, 64, 81,  104, 113, 92,
                                    49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99};
constexpr std::array<int, 64> kChroma{17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99,
                                      24, 26, 56, 99, 99, 99, 99, 99, 47, 66, 99, 99, 99, 99, 99, 99,
                                      99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99,
                                      99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99};

Block steps_for(const std::array<int, 64>& table, float quality) noexcept {
  const float q = std::clamp(quality, 1.0F, 100.0F);
  const float scale = q < 50.0F ? 5000.0F / q : 200.0F - 2.0F * q;
  Block steps{};
  for (std::size_t i = 0; i < steps.size(); ++i) {
    steps[i] = std::clamp(std::floor((static_cast<float>(table[i]) * scale + 50.0F) / 100.0F), 1.0F, 255.0F);
  }
  return steps;
}

// The orthonormal cosine basis: row u, column x.
const Block& cosines() {
  static const Block basis = [] {
    Block values{};
    for (int u = 0; u < kBlock; ++u) {
      for (int x = 0; x < kBlock; ++x) {
        const double scale = u == 0 ? std::sqrt(0.125) : 0.5;
        values[static_cast<std::size_t>(u * kBlock + x)] =
            static_cast<float>(scale * std::cos((2 * x + 1) * u * 3.14159265358979 / 16.0));
      }
    }
    return values;
  }();
  return basis;
}

// To the nearest whole number, as adding 1.5 * 2^23 does. Requires |x| < 2^22.
float rounded(float x) noexcept {
  constexpr float kShift = 12582912.0F;
  return (x + kShift) - kShift;
}

// out = a b.
void multiply(const Block& a, const Block& b, Block& out) noexcept {
  for (std::size_t row = 0; row < 64; row += 8) {
    std::array<float, 8> sum{};
    for (std::size_t k = 0; k < 8; ++k) {
      for (std::size_t column = 0; column < 8; ++column) sum[column] += a[row + k] * b[8 * k + column];
    }
    std::copy(sum.begin(), sum.end(), out.begin() + static_cast<std::ptrdiff_t>(row));
  }
}

Block transposed(const Block& a) noexcept {
  Block t{};
  for (std::size_t row = 0; row < 8; ++row) {
    for (std::size_t column = 0; column < 8; ++column) t[8 * column + row] = a[8 * row + column];
  }
  return t;
}

// Rounds every block's coefficients; sides are multiples of 8.
void round_plane(float* plane, std::int32_t width, std::int32_t height, const Block& steps) noexcept {
  const Block& basis = cosines();
  const Block back = transposed(basis);
  Block block{}, half{}, coefficients{};
  for (std::int32_t top = 0; top < height; top += kBlock) {
    for (std::int32_t left = 0; left < width; left += kBlock) {
      float* corner = plane + static_cast<std::ptrdiff_t>(top) * width + left;
      for (std::int32_t y = 0; y < kBlock; ++y) std::copy_n(corner + y * width, kBlock, block.begin() + y * kBlock);
      multiply(basis, block, half);
      multiply(half, back, coefficients);
      for (std::size_t i = 0; i < 64; ++i) coefficients[i] = rounded(coefficients[i] / steps[i]) * steps[i];
      multiply(back, coefficients, half);
      multiply(half, basis, block);
      for (std::int32_t y = 0; y < kBlock; ++y) std::copy_n(block.begin() + y * kBlock, kBlock, corner + y * width);
    }
  }
}

struct Planes {
  std::int32_t width, height;  // of luma, multiples of 16; chroma has half of each
  float *luma, *blue, *red;
};

Planes split(std::span<const std::uint8_t> rgb, std::int32_t width, std::int32_t height, std::vector<float>& memory) {
  const std::int32_t w = (width + 15) / 16 * 16, h = (height + 15) / 16 * 16;
  const auto count = static_cast<std::size_t>(w) * static_cast<std::size_t>(h);
  memory.assign(count + count / 2, 0.0F);
  const Planes planes{w, h, memory.data(), memory.data() + count, memory.data() + count + count / 4};
  for (std::int32_t y = 0; y < h; ++y) {
    for (std::int32_t x = 0; x < w; ++x) {
      const std::uint8_t* p =
          rgb.data() + 3 * (static_cast<std::ptrdiff_t>(std::min(y, height - 1)) * width + std::min(x, width - 1));
      const float r = p[0], g = p[1], b = p[2];
      planes.luma[y * w + x] = 0.299F * r + 0.587F * g + 0.114F * b - 128.0F;
      const std::int32_t half = y / 2 * (w / 2) + x / 2;
      planes.blue[half] += 0.25F * (-0.168736F * r - 0.331264F * g + 0.5F * b);
      planes.red[half] += 0.25F * (0.5F * r - 0.418688F * g - 0.081312F * b);
    }
  }
  return planes;
}

std::uint8_t as_byte(float x) noexcept { return static_cast<std::uint8_t>(std::clamp(x + 0.5F, 0.0F, 255.0F)); }

// Chroma between the middles of its pixels, as decoders smooth it.
float smooth_chroma(const float* plane, std::int32_t width, std::int32_t height, std::int32_t x,
                    std::int32_t y) noexcept {
  const std::int32_t column = x / 2, row = y / 2;
  const std::int32_t beside = std::clamp(column + (x % 2 == 0 ? -1 : 1), 0, width - 1);
  const std::int32_t below = std::clamp(row + (y % 2 == 0 ? -1 : 1), 0, height - 1);
  return 0.0625F * (9.0F * plane[row * width + column] + 3.0F * plane[row * width + beside] +
                    3.0F * plane[below * width + column] + plane[below * width + beside]);
}

}  // namespace

void lose_as_jpeg(std::span<std::uint8_t> rgb, std::int32_t width, std::int32_t height, float quality,
                  std::vector<float>& memory) {
  const Planes planes = split(rgb, width, height, memory);
  const std::int32_t half_width = planes.width / 2, half_height = planes.height / 2;
  round_plane(planes.luma, planes.width, planes.height, steps_for(kLuma, quality));
  const Block chroma = steps_for(kChroma, quality);
  round_plane(planes.blue, half_width, half_height, chroma);
  round_plane(planes.red, half_width, half_height, chroma);
  for (std::int32_t y = 0; y < height; ++y) {
    for (std::int32_t x = 0; x < width; ++x) {
      const float luma = planes.luma[y * planes.width + x] + 128.0F;
      const float blue = smooth_chroma(planes.blue, half_width, half_height, x, y);
      const float red = smooth_chroma(planes.red, half_width, half_height, x, y);
      std::uint8_t* p = rgb.data() + 3 * (static_cast<std::ptrdiff_t>(y) * width + x);
      p[0] = as_byte(luma + 1.402F * red);
      p[1] = as_byte(luma - 0.344136F * blue - 0.714136F * red);
      p[2] = as_byte(luma + 1.772F * blue);
    }
  }
}

}  // namespace a2p::picture
