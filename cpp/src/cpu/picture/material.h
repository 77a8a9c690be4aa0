// What colour a surface has before light falls on it.
#pragma once
#include "cpu/picture/values.h"
#include "cpu/picture/workspace.h"

namespace a2p::picture {

struct Material {
  Vec albedo{};        // linear
  float gloss = 0.0F;  // strength of the highlight
  float sharp = 0.0F;  // 0: a broad highlight, 1: a sharp one
  float soft = 0.0F;   // how far light spreads inside, in [0, 1]
};

// The finish at a place on it (m, or picture widths); `footprint` is what one pixel covers there.
Vec finish_at(const Finish& finish, const Vec& place, float footprint) noexcept;

// A point of a hand's skin, of what it wears, or of the forearm: `rest` is its position in the rest pose.
struct SkinPoint {
  Vec rest;
  float palmar;
  float footprint;
  bool is_arm;
};
Material skin_at(const Looks& looks, const Scene& scene, int hand, const SkinPoint& point) noexcept;

}  // namespace a2p::picture
