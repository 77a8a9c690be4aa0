#include "cpu/picture/material.h"

namespace a2p::picture {
namespace {

constexpr float kTau = 6.2831853F;

// A square wave in [0, 1] whose edges are as wide as a pixel; `cycles` of one a repeat.
float soft_square(float cycles, float cycles_a_pixel) noexcept {
  const float phase = cycles - floored(cycles);
  const float distance = 0.25F - std::abs(phase - 0.5F);  // from the nearest edge, in [-0.25, 0.25]
  const float half = std::max(0.5F * cycles_a_pixel, 1e-3F);
  return half > 0.25F ? 0.5F : saturate(0.5F + 0.5F * distance / half);
}

float wood(const Vec& p, float scale, const NoisePlane& noise) noexcept {
  const float bent = p.y * scale + 0.35F * noise.at(p.x * scale * 0.4F, p.y * scale * 1.3F + 3.0F);
  const float ring = bent * 3.0F - floored(bent * 3.0F);
  const float fibre = noise.at(p.x * scale * 1.5F, p.y * scale * 24.0F);
  return saturate(0.55F * ring * ring + 0.25F + 0.25F * fibre);
}

// Four channels of the level of the skin map whose texels are about as large as a pixel.
std::array<float, 4> details_at(const std::vector<SkinMap>& levels, const SkinPoint& point) noexcept {
  std::size_t level = 0;
  while (level + 1 < levels.size() && levels[level].texels_per_metre * point.footprint > 1.5F) ++level;
  const SkinMap& map = levels[level];
  const float last = static_cast<float>(map.side) - 1.001F;
  const float x = std::clamp((point.rest.x - map.x) * map.texels_per_metre - 0.5F, 0.0F, last);
  const float z = std::clamp((point.rest.z - map.z) * map.texels_per_metre - 0.5F, 0.0F, last);
  const auto column = static_cast<std::size_t>(x), row = static_cast<std::size_t>(z);
  const float u = x - static_cast<float>(column), v = z - static_cast<float>(row);
  const auto side = static_cast<std::size_t>(map.side);
  const bool is_palm = point.palmar > 0.5F;
  const auto* texel = map.texels.data() + (is_palm ? side * side : 0) + row * side + column;
  const float share = std::abs(2.0F * point.palmar - 1.0F);  // nothing of either map where they meet
  std::array<float, 4> sum{};
  for (std::size_t c = 0; c < 4; ++c) {
    sum[c] = share * mix(mix(texel[0][c], texel[1][c], u), mix(texel[side][c], texel[side + 1][c], u), v);
  }
  return sum;
}

bool wears_ring_at(const Wear& wear, const HandLook& look, const Vec& rest) noexcept {
  if (wear.ring_finger < 0.0F) return false;
  const auto finger = static_cast<std::size_t>(wear.ring_finger);
  const Vec begin = look.ring_bones[2 * finger], bone = look.ring_bones[2 * finger + 1] - begin;
  const Vec offset = rest - begin;
  const float along = dot(offset, bone) / dot(bone, bone);
  const Vec aside = offset - along * bone;
  return along > wear.ring_begin && along < wear.ring_end && dot(aside, aside) < 0.013F * 0.013F;
}

}  // namespace

Vec finish_at(const Finish& finish, const Vec& place, float footprint) noexcept {
  const NoisePlane& noise = NoisePlane::get();
  const Vec first = vec(finish.colour), second = vec(finish.second);
  const Vec p = finish.scale * place;
  const float pixel = finish.scale * footprint;
  switch (static_cast<int>(finish.pattern)) {
    case 1:
      return mix(first, second, soft_square(p.x, pixel));
    case 2:
      return mix(first, second, 0.5F * (soft_square(p.x, pixel) + soft_square(p.y + 0.37F * p.z, pixel)));
    case 3: {
      const float stitch = std::sin(kTau * p.x) * std::sin(kTau * 1.7F * (p.y + p.z)) * saturate(1.0F - 2.0F * pixel);
      return (1.0F + 0.25F * stitch + 0.08F * noise.at(3.1F * p.x, 3.1F * p.y)) * first;
    }
    case 4:
      return mix(first, second, saturate(0.5F + 0.8F * noise.cloudy(p.x + 0.31F * p.z, p.y + 0.77F * p.z)));
    case 5:
      return mix(first, second, wood(place, finish.scale, noise));
    default:
      return first;
  }
}

Material skin_at(const Looks& looks, const Scene& scene, int hand, const SkinPoint& point) noexcept {
  const NoisePlane& noise = NoisePlane::get();
  const Skin& skin = scene.skin;
  const Wear& wear = scene.wear[static_cast<std::size_t>(hand)];
  if (wear.is_gloved != 0.0F && (!point.is_arm || point.rest.x < 0.05F)) {
    const Vec colour = finish_at(wear.glove, point.rest, point.footprint);
    return {colour, wear.glove.gloss, 0.3F, 0.1F};
  }
  if (!point.is_arm && wears_ring_at(wear, looks.hands[static_cast<std::size_t>(hand)], point.rest)) {
    return {vec(wear.ring.colour), wear.ring.gloss, 1.0F, 0.0F};
  }
  const float u = point.rest.x + scene.phase, v = point.rest.z + 0.6F * point.rest.y + 0.7F * scene.phase;
  const float fade = saturate(1.2F - 400.0F * point.footprint);  // fine grain vanishes where pixels are large
  const float blotch = noise.cloudy(48.0F * u, 48.0F * v), grain = fade * noise.at(420.0F * u, 420.0F * v);
  Vec albedo = mix(vec(skin.back), vec(skin.palm), smooth_step(0.25F, 0.8F, point.palmar));
  std::array<float, 4> detail{};
  if (!point.is_arm) detail = details_at(looks.skin, point);
  const float tone = 1.0F + skin.mottle * (0.55F * blotch + 0.3F * grain);
  albedo = tone * albedo;
  const float red = skin.redness * (detail[0] + 0.25F * std::max(blotch, 0.0F) * (0.4F + point.palmar));
  albedo = multiply(albedo, {1.0F - 0.06F * red, 1.0F - 0.42F * red, 1.0F - 0.38F * red});
  const float crease = saturate(skin.creases * detail[1]);
  albedo = multiply(albedo, {1.0F - 0.42F * crease, 1.0F - 0.60F * crease, 1.0F - 0.62F * crease});
  const float vein = skin.veins * detail[2];
  albedo = multiply(albedo, {1.0F - 0.24F * vein, 1.0F - 0.08F * vein, 1.0F - 0.02F * vein});
  if (point.is_arm && skin.hair > 0.0F) {
    const float strand = noise.at(110.0F * u, 900.0F * v) * noise.at(37.0F * u + 9.0F, 30.0F * v);
    albedo = (1.0F - skin.hair * fade * smooth_step(0.1F, 0.5F, strand) * (1.0F - point.palmar)) * albedo;
  }
  const float nail = point.palmar < 0.5F ? detail[3] : 0.0F;
  albedo = mix(albedo, vec(skin.nail), saturate(nail));
  return {albedo, skin.gloss * (1.0F + 1.6F * nail + 0.4F * grain), 0.25F + 0.5F * nail, skin.softness};
}

}  // namespace a2p::picture
