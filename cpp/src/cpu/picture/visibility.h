// Which face each sample of a picture sees, and how far away it is; and the same from the lamp.
#pragma once
#include "cpu/picture/workspace.h"

namespace a2p::picture {

inline constexpr std::int32_t kSamples = 2;  // a side of each pixel
inline constexpr float kNear = 0.05F;        // m: faces with a corner nearer than this are not drawn

// Projects the mesh and fills the grid of kSamples * kSamples samples a pixel. Faces seen from behind are not drawn.
void see(const Scene& scene, std::int32_t width, std::int32_t height, Workspace& workspace);

// Barycentric weights, in space, of a sample on the face that it sees.
std::array<float, 3> weights_at(const Workspace& workspace, std::int32_t face, float x, float y) noexcept;

// Draws the mesh as the lamp sees it, around the middle of the hands.
void cast_shadows(const Scene& scene, Workspace& workspace);

// The share of the lamp's light that reaches a point with this normal, softened over `radius` (m); and how much matter
// (m) the light has to cross where the point faces away.
struct Shade {
  float lit;
  float depth;
};
Shade shade_at(const ShadowMap& map, const Point& point, const Point& normal, float radius) noexcept;

}  // namespace a2p::picture
