#include "cpu/picture/blur.h"

#include "cpu/picture/values.h"

namespace a2p::picture {
namespace {

constexpr int kMaxTaps = 12;
constexpr float kWide = 3.0F;  // px: from here on boxes are cheaper and as good

// Reads `from` by rows and writes `to` transposed, weighting neighbours on the row.
void gaussian_rows(float deviation, const Image& from, Image& to) {
  const int reach = std::min(kMaxTaps, static_cast<int>(std::ceil(2.7F * deviation)));
  std::array<float, kMaxTaps + 1> weight{};
  float sum = 0.0F;
  for (int i = 0; i <= reach; ++i) {
    const float x = static_cast<float>(i) / deviation;
    weight[static_cast<std::size_t>(i)] = std::exp(-0.5F * x * x);
    sum += (i == 0 ? 1.0F : 2.0F) * weight[static_cast<std::size_t>(i)];
  }
  to.resize(from.height, from.width);
  for (float& w : weight) w /= sum;
  thread_local std::vector<Vec> padded;
  padded.resize(static_cast<std::size_t>(from.width + 2 * reach));
  for (std::int32_t row = 0; row < from.height; ++row) {
    const Vec* begin = &from.at(0, row);
    std::fill_n(padded.begin(), reach, begin[0]);
    std::copy_n(begin, from.width, padded.begin() + reach);
    std::fill_n(padded.begin() + reach + from.width, reach, begin[from.width - 1]);
    for (std::int32_t column = 0; column < from.width; ++column) {
      const Vec* middle = padded.data() + reach + column;
      Vec total = weight[0] * middle[0];
      for (int i = 1; i <= reach; ++i) total += weight[static_cast<std::size_t>(i)] * (middle[-i] + middle[i]);
      to.at(row, column) = total;
    }
  }
}

// The same with the mean of 2 * radius + 1 neighbours, by a running sum.
void box_rows(std::int32_t radius, const Image& from, Image& to) {
  to.resize(from.height, from.width);
  const float scale = 1.0F / static_cast<float>(2 * radius + 1);
  for (std::int32_t row = 0; row < from.height; ++row) {
    const auto at = [&](std::int32_t column) -> const Vec& {
      return from.at(std::clamp(column, 0, from.width - 1), row);
    };
    Vec sum{};
    for (std::int32_t i = -radius; i <= radius; ++i) sum += at(i);
    for (std::int32_t column = 0; column < from.width; ++column) {
      to.at(row, column) = scale * sum;
      sum += at(column + radius + 1) - at(column - radius);
    }
  }
}

}  // namespace

void blur(float deviation, Image& image, Image& scratch) {
  if (deviation < 0.05F) return;
  if (deviation < kWide) {
    gaussian_rows(deviation, image, scratch);
    gaussian_rows(deviation, scratch, image);
    return;
  }
  const auto radius =
      static_cast<std::int32_t>(std::lround(0.5F * (std::sqrt(4.0F * deviation * deviation + 1.0F) - 1.0F)));
  for (int pass = 0; pass < 3; ++pass) {
    box_rows(std::max(radius, 1), image, scratch);
    box_rows(std::max(radius, 1), scratch, image);
  }
}

void blur_along(float x, float y, Image& image, Image& scratch) {
  const float path = std::sqrt(x * x + y * y);
  if (path < 0.7F) return;
  const int steps = std::min(16, static_cast<int>(std::ceil(path)) + 1);
  scratch.resize(image.width, image.height);
  std::ranges::fill(scratch.pixels, Vec{});
  for (int step = 0; step < steps; ++step) {
    const float t = static_cast<float>(step) / static_cast<float>(steps - 1) - 0.5F;
    const auto dx = static_cast<std::int32_t>(std::lround(t * x)), dy = static_cast<std::int32_t>(std::lround(t * y));
    for (std::int32_t row = 0; row < image.height; ++row) {
      const std::int32_t from = std::clamp(row + dy, 0, image.height - 1);
      for (std::int32_t column = 0; column < image.width; ++column) {
        scratch.at(column, row) += image.at(std::clamp(column + dx, 0, image.width - 1), from);
      }
    }
  }
  const float scale = 1.0F / static_cast<float>(steps);
  for (std::size_t i = 0; i < image.pixels.size(); ++i) image.pixels[i] = scale * scratch.pixels[i];
}

void coarsen(float share, Image& image, Image& scratch) {
  const auto width = std::max(8, static_cast<std::int32_t>(share * static_cast<float>(image.width)));
  const auto height = std::max(8, static_cast<std::int32_t>(share * static_cast<float>(image.height)));
  if (width >= image.width || height >= image.height) return;
  blur(0.42F * static_cast<float>(image.width) / static_cast<float>(width), image, scratch);
  scratch.resize(width, height);
  const float sx = static_cast<float>(image.width) / static_cast<float>(width);
  const float sy = static_cast<float>(image.height) / static_cast<float>(height);
  for (std::int32_t row = 0; row < height; ++row) {
    for (std::int32_t column = 0; column < width; ++column) {
      scratch.at(column, row) = image.at(static_cast<std::int32_t>((static_cast<float>(column) + 0.5F) * sx),
                                         static_cast<std::int32_t>((static_cast<float>(row) + 0.5F) * sy));
    }
  }
  for (std::int32_t row = 0; row < image.height; ++row) {
    const float y = std::clamp((static_cast<float>(row) + 0.5F) / sy - 0.5F, 0.0F, static_cast<float>(height) - 1.001F);
    const auto top = static_cast<std::int32_t>(y);
    for (std::int32_t column = 0; column < image.width; ++column) {
      const float x =
          std::clamp((static_cast<float>(column) + 0.5F) / sx - 0.5F, 0.0F, static_cast<float>(width) - 1.001F);
      const auto left = static_cast<std::int32_t>(x);
      const float u = x - static_cast<float>(left), v = y - static_cast<float>(top);
      image.at(column, row) = mix(mix(scratch.at(left, top), scratch.at(left + 1, top), u),
                                  mix(scratch.at(left, top + 1), scratch.at(left + 1, top + 1), u), v);
    }
  }
}

}  // namespace a2p::picture
