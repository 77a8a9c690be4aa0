#include "cpu/picture/shading.h"

#include "cpu/picture/lighting.h"
#include "cpu/picture/visibility.h"

namespace a2p::picture {
namespace {

constexpr int kPerPixel = kSamples * kSamples;
constexpr float kSameSurface = 0.006F;  // m: samples of one part within this depth are lit once

// Samples of a pixel that see one surface.
struct Group {
  std::int32_t face;
  float x, y;  // of the first sample
  float depth;
  std::uint8_t part;
  int count;
};

struct Groups {
  std::array<Group, kPerPixel> items;
  int count = 0;
};

Groups groups_of(const Workspace& workspace, std::int32_t column, std::int32_t row) noexcept {
  const SampleGrid& grid = workspace.samples;
  Groups groups;
  for (std::int32_t k = 0; k < kPerPixel; ++k) {
    const std::int32_t x = kSamples * column + k % kSamples, y = kSamples * row + k / kSamples;
    const std::size_t sample =
        static_cast<std::size_t>(y) * static_cast<std::size_t>(grid.width) + static_cast<std::size_t>(x);
    const std::int32_t face = grid.face[sample];
    if (face < 0) continue;
    const float depth = 1.0F / grid.inverse_depth[sample];
    const std::uint8_t part = workspace.mesh.part[static_cast<std::size_t>(face)];
    int found = -1;
    for (int g = 0; g < groups.count; ++g) {
      const Group& group = groups.items[static_cast<std::size_t>(g)];
      if (group.part == part && std::abs(group.depth - depth) < kSameSurface) found = g;
    }
    if (found >= 0) {
      ++groups.items[static_cast<std::size_t>(found)].count;
    } else {
      groups.items[static_cast<std::size_t>(groups.count++)] = {
          face, static_cast<float>(x) + 0.5F, static_cast<float>(y) + 0.5F, depth, part, 1};
    }
  }
  return groups;
}

Material material_of(const Looks& looks, const Scene& scene, const Part& part, const SkinPoint& point) noexcept {
  const auto index = static_cast<std::size_t>(part.index);
  const auto plain = [&](const Finish& finish, float soft) -> Material {
    return {finish_at(finish, point.rest, point.footprint), finish.gloss, finish.gloss > 0.5F ? 1.0F : 0.2F, soft};
  };
  switch (part.cover) {
    case Cover::kSleeve:
      return plain(scene.arms[index].sleeve, 0.25F);
    case Cover::kBand:
      return plain(scene.arms[index].band, 0.0F);
    case Cover::kSolid:
      return plain(scene.solids[index].finish, 0.1F);
    default:
      return skin_at(looks, scene, part.index, point);
  }
}

template <typename T>
T interpolated(const std::vector<T>& values, const std::array<std::int32_t, 3>& face,
               const std::array<float, 3>& weights) noexcept {
  return weights[0] * values[static_cast<std::size_t>(face[0])] +
         weights[1] * values[static_cast<std::size_t>(face[1])] +
         weights[2] * values[static_cast<std::size_t>(face[2])];
}

Vec colour_of(const Looks& looks, const Scene& scene, const Workspace& workspace, const Group& group) noexcept {
  const Mesh& mesh = workspace.mesh;
  const auto& face = mesh.faces[static_cast<std::size_t>(group.face)];
  const auto weights = weights_at(workspace, group.face, group.x, group.y);
  const Vec position = interpolated(mesh.position, face, weights);
  const Surface surface{position, unit(interpolated(mesh.normal, face, weights)),
                        interpolated(mesh.sky, face, weights)};
  const Part& part = mesh.parts[group.part];
  const SkinPoint point{interpolated(mesh.place, face, weights), interpolated(mesh.palmar, face, weights),
                        position.z / scene.fx, part.cover == Cover::kArm};
  const Material material = material_of(looks, scene, part, point);
  const Shade shade = shade_at(workspace.shadow, position, surface.normal, scene.light.key_radius * 0.15F);
  return lit_colour(scene.light, surface, material, shade);
}

}  // namespace

void shade_pixels(const Looks& looks, const Job& job, Workspace& workspace) {
  Image& image = workspace.image;
  image.resize(workspace.samples.width / kSamples, workspace.samples.height / kSamples);
  for (std::int32_t row = 0; row < image.height; ++row) {
    for (std::int32_t column = 0; column < image.width; ++column) {
      const Groups groups = groups_of(workspace, column, row);
      int covered = 0;
      Vec sum{};
      for (int g = 0; g < groups.count; ++g) {
        const Group& group = groups.items[static_cast<std::size_t>(g)];
        covered += group.count;
        sum += static_cast<float>(group.count) * colour_of(looks, *job.scene, workspace, group);
      }
      Vec& pixel = image.at(column, row);
      pixel = static_cast<float>(kPerPixel - covered) * workspace.background.at(column, row) + sum;
      pixel = (1.0F / kPerPixel) * pixel;
    }
  }
}

}  // namespace a2p::picture
