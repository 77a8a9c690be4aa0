#include "cpu/picture/background.h"

#include "cpu/picture/blur.h"
#include "cpu/picture/lighting.h"
#include "cpu/picture/occlusion.h"
#include "cpu/picture/tone.h"
#include "cpu/picture/visibility.h"

namespace a2p::picture {
namespace {

constexpr std::int32_t kShadowStep = 3;  // px: shadows on what is behind are computed on a coarse grid
constexpr std::size_t kSphereStep = 2;   // every so-many-th sphere stands for its neighbours there
constexpr float kSphereGrowth = 1.35F;

Vec photo_at(const Photo& photo, float x, float y) noexcept {
  x = std::clamp(x, 0.0F, static_cast<float>(photo.width) - 1.001F);
  y = std::clamp(y, 0.0F, static_cast<float>(photo.height) - 1.001F);
  const auto column = static_cast<std::size_t>(x), row = static_cast<std::size_t>(y);
  const float u = x - static_cast<float>(column), v = y - static_cast<float>(row);
  const std::size_t stride = 3 * static_cast<std::size_t>(photo.width);
  const std::uint8_t* upper = photo.rgb.data() + row * stride + 3 * column;
  const std::uint8_t* lower = upper + stride;
  std::array<float, 3> value{};
  for (std::size_t c = 0; c < 3; ++c) {
    value[c] = mix(mix(linear_of(upper[c]), linear_of(upper[c + 3]), u),
                   mix(linear_of(lower[c]), linear_of(lower[c + 3]), u), v);
  }
  return {value[0], value[1], value[2]};
}

void paint_base(const Looks& looks, const Background& background, Image& image) {
  const float scale = 1.0F / static_cast<float>(image.width);
  const bool has_photo = background.photo >= 0.0F;
  const Vec tint = vec(background.tint), top = vec(background.top), bottom = vec(background.bottom);
  for (std::int32_t row = 0; row < image.height; ++row) {
    const float v = (static_cast<float>(row) + 0.5F) * scale - 0.5F * static_cast<float>(image.height) * scale;
    const Vec light = multiply(tint, mix(top, bottom, saturate(v + 0.5F)));
    for (std::int32_t column = 0; column < image.width; ++column) {
      const float u = (static_cast<float>(column) + 0.5F) * scale - 0.5F;
      Vec colour;
      if (has_photo) {
        const Photo& photo = looks.photos[static_cast<std::size_t>(background.photo)];
        colour = photo_at(
            photo,
            background.photo_x * static_cast<float>(photo.width) + u * background.photo_u - v * background.photo_v,
            background.photo_y * static_cast<float>(photo.height) + u * background.photo_v + v * background.photo_u);
      } else {
        const Vec place{u * background.cosine - v * background.sine, u * background.sine + v * background.cosine, 0.0F};
        colour = finish_at(background.finish, place, scale);
      }
      image.at(column, row) = multiply(light, colour);
    }
  }
}

// Signed distance from the edge of a patch, negative inside, in picture widths; roughly, for an ellipse.
float edge_distance(const Patch& patch, float x, float y) noexcept {
  const float a = std::abs(x) - patch.half_width, b = std::abs(y) - patch.half_height;
  switch (static_cast<int>(patch.kind)) {
    case 1:
      return std::max(a, b);
    case 2: {
      const float u = x / patch.half_width, v = y / patch.half_height;
      return (std::sqrt(u * u + v * v) - 1.0F) * std::min(patch.half_width, patch.half_height);
    }
    default: {
      const float round = 0.5F * std::min(patch.half_width, patch.half_height);
      const float u = std::max(a + round, 0.0F), v = std::max(b + round, 0.0F);
      return std::sqrt(u * u + v * v) + std::min(std::max(a, b) + round, 0.0F) - round;
    }
  }
}

// Light on a body that bulges towards the camera within the patch's outline.
Vec bulging_light(const Light& light, const Patch& patch, float x, float y) noexcept {
  const float u = std::clamp(x / patch.half_width, -1.0F, 1.0F) * 0.9F;
  const float v = std::clamp(y / patch.half_height, -1.0F, 1.0F) * 0.9F;
  const Vec own{u * patch.cosine - v * patch.sine, u * patch.sine + v * patch.cosine,
                -std::sqrt(std::max(0.05F, 1.0F - u * u - v * v))};
  const Vec normal = unit(own);
  const float key = saturate(0.15F + 0.85F * dot(normal, vec(light.to_key)));
  return ambient(light, normal) + key * vec(light.key);
}

void paint_patch(const Patch& patch, const Light& light, Image& image) {
  const float scale = 1.0F / static_cast<float>(image.width);
  const float reach = std::sqrt(patch.half_width * patch.half_width + patch.half_height * patch.half_height) +
                      patch.softness + 2.0F * scale;
  const float middle = 0.5F * static_cast<float>(image.height);
  const auto pixel = [&](float value, float origin, std::int32_t last) {
    return std::clamp(static_cast<std::int32_t>(value / scale + origin), 0, last);
  };
  const std::int32_t left = pixel(patch.x - reach, 0.5F * static_cast<float>(image.width), image.width - 1);
  const std::int32_t right = pixel(patch.x + reach, 0.5F * static_cast<float>(image.width), image.width - 1);
  const std::int32_t top = pixel(patch.y - reach, middle, image.height - 1);
  const std::int32_t bottom = pixel(patch.y + reach, middle, image.height - 1);
  const float soft = std::max(patch.softness, scale);
  for (std::int32_t row = top; row <= bottom; ++row) {
    for (std::int32_t column = left; column <= right; ++column) {
      const float dx = (static_cast<float>(column) + 0.5F) * scale - 0.5F - patch.x;
      const float dy = (static_cast<float>(row) + 0.5F - middle) * scale - patch.y;
      const float x = dx * patch.cosine + dy * patch.sine, y = dy * patch.cosine - dx * patch.sine;
      const float share = saturate(0.5F - edge_distance(patch, x, y) / soft);
      if (share <= 0.0F) continue;
      Vec colour = finish_at(patch.finish, {x, y, 0.0F}, scale);
      if (patch.shade > 0.0F) {
        colour = mix(colour, multiply(colour, bulging_light(light, patch, x, y)), patch.shade);
      }
      image.at(column, row) = mix(image.at(column, row), colour, share);
    }
  }
}

// The hindmost visible surface along the receiving surface's normal.
float hindmost(const Workspace& workspace, const Vec& normal) noexcept {
  float lowest = 1e9F;
  const Mesh& mesh = workspace.mesh;
  const SampleGrid& grid = workspace.samples;
  for (std::size_t i = 0; i < mesh.position.size(); ++i) {
    const Projected& p = workspace.projected[i];
    if (p.inverse_z <= 0.0F || p.x < 0.0F || p.y < 0.0F || p.x >= static_cast<float>(grid.width) ||
        p.y >= static_cast<float>(grid.height)) {
      continue;
    }
    lowest = std::min(lowest, dot(mesh.position[i], normal));
  }
  return lowest;
}

// Darkens what lies behind by the hands' shadow and by the sky that they hide.
void darken(const Scene& scene, Workspace& workspace) {
  const Background& background = scene.background;
  const Vec normal = vec(background.surface);
  const float level = hindmost(workspace, normal);
  Image& image = workspace.background;
  if (level > 1e8F) return;
  const float plane = level - background.surface_gap;
  const auto ray = [&](std::int32_t x, std::int32_t y) -> Vec {
    return {(static_cast<float>(x) + 0.5F - scene.cx) / scene.fx, (static_cast<float>(y) + 0.5F - scene.cy) / scene.fy,
            1.0F};
  };
  Image& sky = workspace.scratch;  // share of the sky in x, of the lamp in y
  std::vector<Sphere>& few = workspace.few_spheres;
  few.clear();
  for (std::size_t i = 0; i < workspace.spheres.size(); i += kSphereStep) {
    few.push_back(workspace.spheres[i]);
    few.back().radius *= kSphereGrowth;
  }
  sky.resize(image.width / kShadowStep + 2, image.height / kShadowStep + 2);
  const std::size_t count = sky.pixels.size();
  workspace.planes.resize(7 * count);
  float* planes = workspace.planes.data();
  std::size_t i = 0;
  for (std::int32_t row = 0; row < sky.height; ++row) {
    for (std::int32_t column = 0; column < sky.width; ++column, ++i) {
      const Vec r = ray(column * kShadowStep, row * kShadowStep);
      const Point point = (plane / std::min(dot(r, normal), -1e-3F)) * r;
      const std::array<float, 6> values{point.x, point.y, point.z, normal.x, normal.y, normal.z};
      for (std::size_t k = 0; k < values.size(); ++k) planes[k * count + i] = values[k];
      sky.pixels[i].y = shade_at(workspace.shadow, point, normal, scene.light.key_radius * 0.4F).lit;
    }
  }
  leave_sky_open(few, count, workspace);
  for (i = 0; i < count; ++i) sky.pixels[i].x = mix(1.0F, planes[6 * count + i], scene.light.occlusion);
  const float key = saturate(dot(normal, vec(scene.light.to_key)));
  const Vec from_sky = ambient(scene.light, normal) + vec(scene.light.fill), from_key = key * vec(scene.light.key);
  for (std::int32_t row = 0; row < image.height; ++row) {
    for (std::int32_t column = 0; column < image.width; ++column) {
      const float fx = static_cast<float>(column) / kShadowStep, fy = static_cast<float>(row) / kShadowStep;
      const auto x = static_cast<std::int32_t>(fx), y = static_cast<std::int32_t>(fy);
      const float u = fx - static_cast<float>(x), v = fy - static_cast<float>(y);
      const Vec here = mix(mix(sky.at(x, y), sky.at(x + 1, y), u), mix(sky.at(x, y + 1), sky.at(x + 1, y + 1), u), v);
      const Vec now = here.x * from_sky + here.y * from_key, full = from_sky + from_key;
      const Vec ratio{now.x / std::max(full.x, 1e-4F), now.y / std::max(full.y, 1e-4F),
                      now.z / std::max(full.z, 1e-4F)};
      Vec& pixel = image.at(column, row);
      pixel = multiply(pixel, mix(Vec{1, 1, 1}, ratio, background.receives_shadow));
    }
  }
}

}  // namespace

void paint_background(const Looks& looks, const Scene& scene, std::int32_t width, std::int32_t height,
                      Workspace& workspace) {
  Image& image = workspace.background;
  image.resize(width, height);
  paint_base(looks, scene.background, image);
  for (const Patch& patch : scene.background.patches) {
    if (patch.kind > 0.0F) paint_patch(patch, scene.light, image);
  }
  if (scene.background.blur > 0.0F) blur(scene.background.blur, image, workspace.scratch);
  if (scene.background.receives_shadow > 0.0F) darken(scene, workspace);
}

}  // namespace a2p::picture
