// How much light a surface sends to the camera.
#pragma once
#include "cpu/picture/material.h"
#include "cpu/picture/visibility.h"

namespace a2p::picture {

// A point of a surface as the camera sees it.
struct Surface {
  Vec position;
  Vec normal;  // unit
  float sky;   // share of the sky that reaches it
};

// Linear light. `shade` says how much of the lamp's arrives.
Vec lit_colour(const Light& light, const Surface& surface, const Material& material, const Shade& shade) noexcept;

// Light of the whole sky on a surface with this normal.
Vec ambient(const Light& light, const Vec& normal) noexcept;

}  // namespace a2p::picture
