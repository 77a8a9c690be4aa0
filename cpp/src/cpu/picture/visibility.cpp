#include "cpu/picture/visibility.h"

#include "cpu/picture/values.h"

namespace a2p::picture {
namespace {

constexpr float kGrid = 16.0F;      // corners are snapped to 1/16 sample, so that shared edges are the same numbers
constexpr float kGuard = 32768.0F;  // samples: a corner farther out would lose its fraction
constexpr float kFar = 1e9F;

float snapped(float x) noexcept { return floored(x * kGrid + 0.5F) / kGrid; }

// A triangle on a grid. Inside where all three edge values are >= 0; `offset` breaks ties by the top-left rule.
struct Triangle {
  struct Edge {
    float dx, dy, value;
    float at(float x, float y) const noexcept { return dx * y - dy * x + value; }
  };
  std::array<Edge, 3> edges;
  std::int32_t left, right, top, bottom;  // inclusive
  float area;

  Triangle(const Projected& a, const Projected& b, const Projected& c, std::int32_t width, std::int32_t height)
      : left(std::max(0, first_from(std::min({a.x, b.x, c.x}) - 0.5F))),
        right(std::min(width - 1, last_until(std::max({a.x, b.x, c.x}) - 0.5F))),
        top(std::max(0, first_from(std::min({a.y, b.y, c.y}) - 0.5F))),
        bottom(std::min(height - 1, last_until(std::max({a.y, b.y, c.y}) - 0.5F))),
        area((b.x - a.x) * (c.y - a.y) - (b.y - a.y) * (c.x - a.x)) {}

  bool is_empty() const noexcept { return left > right || top > bottom; }

  void set_edges(const Projected& a, const Projected& b, const Projected& c) noexcept {
    edges = {edge(a, b), edge(b, c), edge(c, a)};
  }

 private:
  static std::int32_t first_from(float x) noexcept { return -static_cast<std::int32_t>(floored(-x)); }
  static std::int32_t last_until(float x) noexcept { return static_cast<std::int32_t>(floored(x)); }

  // Relative to the box's corner, numbers stay small enough to be exact.
  Edge edge(const Projected& from, const Projected& to) const noexcept {
    const float x = from.x - static_cast<float>(left), y = from.y - static_cast<float>(top);
    const float dx = to.x - from.x, dy = to.y - from.y;
    const bool owns_its_samples = dy < 0.0F || (dy == 0.0F && dx > 0.0F);
    return {dx, dy, dy * x - dx * y - (owns_its_samples ? 0.0F : 0.5F / (kGrid * kGrid * 4.0F))};
  }
};

// Calls `visit(x, y, value)` for the samples inside; `value` interpolates the corners' `inverse_z` over the image.
template <typename Visit>
void for_each_sample(const Projected& a, const Projected& b, const Projected& c, std::int32_t width,
                     std::int32_t height, const Visit& visit) noexcept {
  if ((b.x - a.x) * (c.y - a.y) <= (b.y - a.y) * (c.x - a.x)) return;  // seen from behind, or edge-on
  Triangle t(a, b, c, width, height);
  if (t.is_empty()) return;
  t.set_edges(a, b, c);
  const float scale = 1.0F / t.area;
  // The weight of corner c is edge ab's value, and so on around.
  const float slope =
      scale * (-t.edges[0].dy * c.inverse_z - t.edges[1].dy * a.inverse_z - t.edges[2].dy * b.inverse_z);
  for (std::int32_t y = t.top; y <= t.bottom; ++y) {
    const float py = static_cast<float>(y - t.top) + 0.5F;
    float e0 = t.edges[0].at(0.5F, py), e1 = t.edges[1].at(0.5F, py), e2 = t.edges[2].at(0.5F, py);
    float value = scale * (e0 * c.inverse_z + e1 * a.inverse_z + e2 * b.inverse_z);
    for (std::int32_t x = t.left; x <= t.right; ++x) {
      if (e0 >= 0.0F && e1 >= 0.0F && e2 >= 0.0F) visit(x, y, value);
      e0 -= t.edges[0].dy;
      e1 -= t.edges[1].dy;
      e2 -= t.edges[2].dy;
      value += slope;
    }
  }
}

}  // namespace

void see(const Scene& scene, std::int32_t width, std::int32_t height, Workspace& workspace) {
  const Mesh& mesh = workspace.mesh;
  SampleGrid& grid = workspace.samples;
  grid.width = kSamples * width;
  grid.height = kSamples * height;
  const auto count = static_cast<std::size_t>(grid.width) * static_cast<std::size_t>(grid.height);
  grid.inverse_depth.assign(count, 0.0F);
  grid.face.assign(count, -1);
  workspace.projected.resize(mesh.position.size());
  for (std::size_t i = 0; i < mesh.position.size(); ++i) {
    const Point& p = mesh.position[i];
    if (p.z < kNear) {
      workspace.projected[i] = {0.0F, 0.0F, -1.0F};
      continue;
    }
    const float inverse = 1.0F / p.z;
    const float x = kSamples * (scene.fx * p.x * inverse + scene.cx);
    const float y = kSamples * (scene.fy * p.y * inverse + scene.cy);
    const bool is_near = std::abs(x) < kGuard && std::abs(y) < kGuard;
    workspace.projected[i] = {snapped(x), snapped(y), is_near ? inverse : -1.0F};
  }
  for (std::size_t f = 0; f < mesh.faces.size(); ++f) {
    const auto [ia, ib, ic] = mesh.faces[f];
    const Projected& a = workspace.projected[static_cast<std::size_t>(ia)];
    const Projected& b = workspace.projected[static_cast<std::size_t>(ib)];
    const Projected& c = workspace.projected[static_cast<std::size_t>(ic)];
    if (a.inverse_z <= 0.0F || b.inverse_z <= 0.0F || c.inverse_z <= 0.0F) continue;
    // Outward faces run counter-clockwise in space and, seen with y down, clockwise on the grid.
    for_each_sample(a, c, b, grid.width, grid.height, [&](std::int32_t x, std::int32_t y, float inverse) {
      const std::size_t sample =
          static_cast<std::size_t>(y) * static_cast<std::size_t>(grid.width) + static_cast<std::size_t>(x);
      if (inverse <= grid.inverse_depth[sample]) return;
      grid.inverse_depth[sample] = inverse;
      grid.face[sample] = static_cast<std::int32_t>(f);
    });
  }
}

std::array<float, 3> weights_at(const Workspace& workspace, std::int32_t face, float x, float y) noexcept {
  const auto [ia, ib, ic] = workspace.mesh.faces[static_cast<std::size_t>(face)];
  const Projected& a = workspace.projected[static_cast<std::size_t>(ia)];
  const Projected& b = workspace.projected[static_cast<std::size_t>(ib)];
  const Projected& c = workspace.projected[static_cast<std::size_t>(ic)];
  const float ax = a.x - x, ay = a.y - y, bx = b.x - x, by = b.y - y, cx = c.x - x, cy = c.y - y;
  float wa = std::max(0.0F, by * cx - bx * cy) * a.inverse_z;
  float wb = std::max(0.0F, cy * ax - cx * ay) * b.inverse_z;
  float wc = std::max(0.0F, ay * bx - ax * by) * c.inverse_z;
  const float sum = wa + wb + wc;
  if (!(sum > 0.0F)) return {1.0F / 3.0F, 1.0F / 3.0F, 1.0F / 3.0F};
  return {wa / sum, wb / sum, wc / sum};
}

void cast_shadows(const Scene& scene, Workspace& workspace) {
  constexpr std::int32_t kSide = ShadowMap::kSide;
  const Mesh& mesh = workspace.mesh;
  ShadowMap& map = workspace.shadow;
  map.forward = -unit(vec(scene.light.to_key));
  const Vec helper = std::abs(map.forward.y) < 0.9F ? Vec{0, 1, 0} : Vec{1, 0, 0};
  map.right = unit(cross(helper, map.forward));
  map.down = cross(map.forward, map.right);
  Vec low{kFar, kFar, kFar}, high{-kFar, -kFar, -kFar};
  for (std::size_t hand = 0; hand < 2; ++hand) {
    if (scene.wear[hand].present == 0.0F) continue;
    for (auto i = static_cast<std::size_t>(mesh.first_vertex[hand]);
         i < static_cast<std::size_t>(mesh.last_vertex[hand]); ++i) {
      const Point& p = mesh.position[i];
      low = {std::min(low.x, p.x), std::min(low.y, p.y), std::min(low.z, p.z)};
      high = {std::max(high.x, p.x), std::max(high.y, p.y), std::max(high.z, p.z)};
    }
  }
  map.centre = 0.5F * (low + high);
  const float radius = std::max(0.5F * length(high - low), 0.02F) + 0.04F;
  map.texels_per_metre = 0.5F * kSide / radius;
  map.depth.assign(static_cast<std::size_t>(kSide) * kSide, kFar);
  std::vector<Projected>& lit = workspace.lit;
  lit.resize(mesh.position.size());
  for (std::size_t i = 0; i < mesh.position.size(); ++i) {
    const Vec p = mesh.position[i] - map.centre;
    lit[i] = {snapped(dot(p, map.right) * map.texels_per_metre + 0.5F * kSide),
              snapped(dot(p, map.down) * map.texels_per_metre + 0.5F * kSide), dot(p, map.forward)};
  }
  for (const auto& [ia, ib, ic] : mesh.faces) {
    const Projected& a = lit[static_cast<std::size_t>(ia)];
    const Projected& b = lit[static_cast<std::size_t>(ib)];
    const Projected& c = lit[static_cast<std::size_t>(ic)];
    for_each_sample(a, c, b, kSide, kSide, [&](std::int32_t x, std::int32_t y, float depth) {
      float& nearest = map.depth[static_cast<std::size_t>(y) * kSide + static_cast<std::size_t>(x)];
      nearest = std::min(nearest, depth);
    });
  }
}

Shade shade_at(const ShadowMap& map, const Point& point, const Point& normal, float radius) noexcept {
  constexpr std::int32_t kSide = ShadowMap::kSide;
  // A spiral of taps over the disk that the lamp's size blurs the shadow by.
  constexpr int kTaps = 8;
  constexpr std::array<std::array<float, 2>, kTaps> kDisk{{{0.25F, 0.00F},
                                                           {-0.32F, 0.29F},
                                                           {0.05F, -0.56F},
                                                           {0.40F, 0.52F},
                                                           {-0.74F, -0.13F},
                                                           {0.70F, -0.44F},
                                                           {-0.23F, 0.87F},
                                                           {-0.45F, -0.86F}}};
  const Vec p = point - map.centre;
  const float towards = -dot(normal, map.forward);
  const float x = dot(p, map.right) * map.texels_per_metre + 0.5F * kSide - 0.5F;
  const float y = dot(p, map.down) * map.texels_per_metre + 0.5F * kSide - 0.5F;
  const float spread = std::max(radius * map.texels_per_metre, 1.0F);
  const float bias = 0.0015F + 1.5F * spread * (1.0F - std::max(towards, 0.0F)) / map.texels_per_metre;
  const float depth = dot(p, map.forward);
  float lit = 0.0F, matter = 0.0F;
  for (const auto& [dx, dy] : kDisk) {
    const auto column = static_cast<std::int32_t>(x + spread * dx + 0.5F);
    const auto row = static_cast<std::int32_t>(y + spread * dy + 0.5F);
    if (column < 0 || row < 0 || column >= kSide || row >= kSide) {
      lit += 1.0F;
      continue;
    }
    const float behind = depth - map.depth[static_cast<std::size_t>(row) * kSide + static_cast<std::size_t>(column)];
    lit += saturate(1.0F - (behind - bias) * 400.0F);
    matter += std::max(behind, 0.0F);
  }
  return {lit / kTaps, std::min(matter / kTaps, 1.0F)};
}

}  // namespace a2p::picture
