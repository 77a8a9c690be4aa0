#include "a2p/raster_resolve.h"

#include <algorithm>

#include "a2p/rasterize.h"
#include "a2p/thread_pool.h"

namespace a2p {
namespace {

constexpr std::int64_t kRowGrain = 16;

void add_sample(const ResolveJob& job, std::size_t sample, std::size_t channels, float scale, float* pixel) noexcept {
  const std::int32_t face = job.face[sample];
  if (face == RasterImage::kNoFace) return;
  const auto& corners = job.faces[static_cast<std::size_t>(face)];
  for (std::size_t i = 0; i < 3; ++i) {
    const float weight = scale * job.weights[sample][i];
    const float* value = job.values.data() + static_cast<std::size_t>(corners[i]) * channels;
    for (std::size_t channel = 0; channel < channels; ++channel) pixel[channel] += weight * value[channel];
  }
}

void resolve_row(const ResolveJob& job, const ResolveShape& shape, std::size_t row) noexcept {
  const auto width = static_cast<std::size_t>(shape.width);
  const auto channels = static_cast<std::size_t>(shape.channels);
  const auto samples = static_cast<std::size_t>(shape.samples);
  const float scale = 1.0F / static_cast<float>(samples * samples);
  std::ranges::fill(job.output.subspan(row * width * channels, width * channels), 0.0F);
  for (std::size_t column = 0; column < width; ++column) {
    float* pixel = job.output.data() + (row * width + column) * channels;
    for (std::size_t y = row * samples; y < (row + 1) * samples; ++y) {
      for (std::size_t x = column * samples; x < (column + 1) * samples; ++x) {
        add_sample(job, y * width * samples + x, channels, scale, pixel);
      }
    }
  }
}

}  // namespace

void resolve(std::span<const ResolveJob> jobs, const ResolveShape& shape, std::int32_t threads) {
  const std::int64_t rows = static_cast<std::int64_t>(jobs.size()) * shape.height;
  parallel_for(rows, kRowGrain, threads, [&](WorkItems& items) {
    while (const std::optional<std::int64_t> row = items.next()) {
      resolve_row(jobs[static_cast<std::size_t>(*row / shape.height)], shape,
                  static_cast<std::size_t>(*row % shape.height));
    }
  });
}

}  // namespace a2p
