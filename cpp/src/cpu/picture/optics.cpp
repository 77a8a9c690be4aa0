#include "cpu/picture/optics.h"

#include "cpu/picture/blur.h"
#include "cpu/picture/jpeg.h"
#include "cpu/picture/tone.h"
#include "cpu/picture/values.h"

namespace a2p::picture {
namespace {

void expose(const Optics& optics, Image& image) {
  const Vec gain = optics.exposure * vec(optics.white_balance);
  const float scale = 2.0F / static_cast<float>(std::max(image.width, image.height));
  for (std::int32_t row = 0; row < image.height; ++row) {
    const float y = (static_cast<float>(row) + 0.5F - 0.5F * static_cast<float>(image.height)) * scale;
    for (std::int32_t column = 0; column < image.width; ++column) {
      const float x = (static_cast<float>(column) + 0.5F - 0.5F * static_cast<float>(image.width)) * scale;
      const float falloff = 1.0F - optics.vignette * 0.5F * (x * x + y * y);
      Vec& pixel = image.at(column, row);
      pixel = multiply(falloff * gain, pixel);
    }
  }
}

// Nearly normal with deviation 1: the sum of the four bytes of a hash.
float bell(std::uint32_t counter) noexcept {
  const std::uint32_t h = hashed(counter);
  const auto sum = static_cast<float>((h & 255U) + (h >> 8 & 255U) + (h >> 16 & 255U) + (h >> 24));
  return (sum - 510.0F) * (1.0F / 147.8F);
}

void add_noise(const Optics& optics, std::uint32_t seed, Image& image, Image& scratch) {
  if (optics.read_noise <= 0.0F && optics.shot_noise <= 0.0F) return;
  scratch.resize(image.width, image.height);
  std::uint32_t counter = hashed(seed) * 4U;
  for (Vec& grain : scratch.pixels) {
    const float grey = bell(counter);
    const Vec coloured{bell(counter + 1U), bell(counter + 2U), bell(counter + 3U)};
    grain = mix(Vec{grey, grey, grey}, coloured, optics.noise_chroma);
    counter += 4U;
  }
  const std::int32_t right = optics.noise_grain > 0.0F ? 1 : 0;
  const float own = 1.0F - 0.5F * optics.noise_grain, other = 0.5F * optics.noise_grain;
  const float scale = 1.0F / (own * own + other * other);  // the blotches keep their strength
  for (std::int32_t row = 0; row < image.height; ++row) {
    const std::int32_t below = std::min(row + right, image.height - 1);
    for (std::int32_t column = 0; column < image.width; ++column) {
      const std::int32_t beside = std::min(column + right, image.width - 1);
      const Vec grain = scale * (own * own * scratch.at(column, row) +
                                 own * other * (scratch.at(beside, row) + scratch.at(column, below)) +
                                 other * other * scratch.at(beside, below));
      Vec& pixel = image.at(column, row);
      const auto strength = [&](float light) {
        return std::sqrt(optics.read_noise * optics.read_noise +
                         optics.shot_noise * optics.shot_noise * std::max(light, 0.0F));
      };
      pixel += Vec{grain.x * strength(pixel.x), grain.y * strength(pixel.y), grain.z * strength(pixel.z)};
    }
  }
}

// What is brighter than white rolls off, as film and phones do; then sRGB, contrast, saturation.
Vec toned(const Optics& optics, const Vec& light) noexcept {
  const auto roll = [](float x) { return x < 0.7F ? x : 0.7F + 0.3F * (1.0F - 1.0F / (1.0F + (x - 0.7F) / 0.3F)); };
  Vec s{srgb_of(roll(light.x)), srgb_of(roll(light.y)), srgb_of(roll(light.z))};
  const float grey = 0.299F * s.x + 0.587F * s.y + 0.114F * s.z;
  s = mix(Vec{grey, grey, grey}, s, optics.saturation);
  const auto curve = [&](float x) { return (x - 110.0F) * optics.contrast + 110.0F + optics.lift; };
  return {curve(s.x), curve(s.y), curve(s.z)};
}

void write_bytes(const Optics& optics, Image& image, Image& scratch, std::span<std::uint8_t> rgb) {
  for (Vec& pixel : image.pixels) pixel = toned(optics, pixel);
  if (optics.sharpen > 0.0F) {
    scratch.resize(image.width, image.height);
    scratch.pixels = image.pixels;
    for (std::int32_t row = 1; row + 1 < image.height; ++row) {
      for (std::int32_t column = 1; column + 1 < image.width; ++column) {
        const Vec around = scratch.at(column - 1, row) + scratch.at(column + 1, row) + scratch.at(column, row - 1) +
                           scratch.at(column, row + 1);
        image.at(column, row) += optics.sharpen * (scratch.at(column, row) - 0.25F * around);
      }
    }
  }
  std::uint8_t* out = rgb.data();
  for (const Vec& pixel : image.pixels) {
    for (const float value : {pixel.x, pixel.y, pixel.z}) {
      *out++ = static_cast<std::uint8_t>(std::clamp(value + 0.5F, 0.0F, 255.0F));
    }
  }
}

}  // namespace

void take_picture(const Job& job, Workspace& workspace) {
  const Optics& optics = job.scene->optics;
  Image& image = workspace.image;
  expose(optics, image);
  if (optics.defocus > 0.0F) blur(optics.defocus, image, workspace.scratch);
  blur_along(optics.motion_x, optics.motion_y, image, workspace.scratch);
  add_noise(optics, job.seed, image, workspace.scratch);
  if (optics.shrink < 1.0F) coarsen(optics.shrink, image, workspace.scratch);
  write_bytes(optics, image, workspace.scratch, job.rgb);
  if (optics.jpeg_quality > 0.0F) {
    lose_as_jpeg(job.rgb, image.width, image.height, optics.jpeg_quality, workspace.planes);
  }
}

}  // namespace a2p::picture
