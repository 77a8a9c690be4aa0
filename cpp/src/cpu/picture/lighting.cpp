#include "cpu/picture/lighting.h"

namespace a2p::picture {
namespace {

// Diffuse light that wraps around a body by `wrap`, as it does in flesh; energy shrinks with the square.
float wrapped(float cosine, float wrap) noexcept {
  const float x = saturate((cosine + wrap) / (1.0F + wrap));
  return mix(x, x * x, wrap);
}

Vec wrapped_rgb(float cosine, float soft) noexcept {
  return {wrapped(cosine, 0.50F * soft), wrapped(cosine, 0.26F * soft), wrapped(cosine, 0.18F * soft)};
}

}  // namespace

Vec ambient(const Light& light, const Vec& normal) noexcept {
  return mix(vec(light.ground), vec(light.sky), 0.5F + 0.5F * dot(normal, vec(light.up)));
}

Vec lit_colour(const Light& light, const Surface& surface, const Material& material, const Shade& shade) noexcept {
  const Vec to_viewer = unit(-surface.position), to_key = vec(light.to_key), to_fill = vec(light.to_fill);
  const float cosine = dot(surface.normal, to_key);
  const float soft = material.soft;
  // Past the terminator a body shades itself; the wrap alone decides there.
  const float lit = mix(1.0F, shade.lit, smooth_step(-0.25F, 0.1F, cosine));
  const float bled = std::sqrt(lit) - lit;  // light that reaches a shadow's edge under the skin: mostly red
  const Vec reaching{lit + soft * 0.55F * bled, lit + soft * 0.14F * bled, lit + soft * 0.07F * bled};
  Vec sum = multiply(multiply(vec(light.key), wrapped_rgb(cosine, soft)), reaching);
  if (soft > 0.0F && cosine < 0.3F) {  // light that has crossed a thin finger
    const float through =
        soft * 0.35F * smooth_step(0.3F, -0.4F, cosine) / (1.0F + 60000.0F * shade.depth * shade.depth);
    sum += multiply(vec(light.key), {through, 0.22F * through, 0.1F * through});
  }
  const float sky = mix(1.0F, surface.sky, light.occlusion);
  sum += (0.3F + 0.7F * sky) * multiply(vec(light.fill), wrapped_rgb(dot(surface.normal, to_fill), soft));
  // Light that leaves a hollow has often met its walls more than once, which saturates it.
  const Vec& a = material.albedo;
  const Vec hollow{sky / (1.0F - 0.85F * a.x * (1.0F - sky)), sky / (1.0F - 0.85F * a.y * (1.0F - sky)),
                   sky / (1.0F - 0.85F * a.z * (1.0F - sky))};
  sum += multiply(ambient(light, surface.normal), hollow);
  Vec colour = multiply(sum, a);
  const Vec half = unit(to_viewer + to_key);
  const float facing = saturate(dot(surface.normal, half)), grazing = 1.0F - saturate(dot(to_viewer, half));
  const float fresnel = 0.04F + 0.96F * power_of_two(grazing, 2) * grazing;
  const float broad = power_of_two(facing, 4), sharp = power_of_two(facing, 6);
  const float shine = material.gloss * fresnel * lit * smooth_step(-0.05F, 0.2F, cosine) *
                      mix(0.95F * broad + 0.3F * sharp, 2.8F * sharp, material.sharp);
  colour += shine * vec(light.key);
  const float rim = 1.0F - saturate(dot(surface.normal, to_viewer));
  colour += material.gloss * (0.02F + 0.16F * power_of_two(rim, 2)) * sky * ambient(light, surface.normal);
  return colour;
}

}  // namespace a2p::picture
