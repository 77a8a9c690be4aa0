// sRGB (IEC 61966-2-1) by table.
#pragma once
#include <array>
#include <cmath>
#include <cstdint>

namespace a2p::picture {

class ToneTables {
 public:
  static constexpr std::size_t kSteps = 8192;

  static const ToneTables& get() {
    static const ToneTables tables;
    return tables;
  }

  std::array<float, 256> linear;
  std::array<float, kSteps + 1> srgb;  // of linear light 0 to 1, in steps of 255

 private:
  ToneTables() {
    for (std::size_t i = 0; i < linear.size(); ++i) {
      const double s = static_cast<double>(i) / 255.0;
      linear[i] = static_cast<float>(s <= 0.04045 ? s / 12.92 : std::pow((s + 0.055) / 1.055, 2.4));
    }
    for (std::size_t i = 0; i < srgb.size(); ++i) {
      const double l = static_cast<double>(i) / static_cast<double>(kSteps);
      srgb[i] = static_cast<float>(255.0 * (l <= 0.0031308 ? 12.92 * l : 1.055 * std::pow(l, 1.0 / 2.4) - 0.055));
    }
  }
};

inline float linear_of(std::uint8_t srgb) noexcept { return ToneTables::get().linear[srgb]; }

// In steps of 255; light is clamped to [0, 1].
inline float srgb_of(float linear) noexcept {
  const float clamped = linear < 0.0F ? 0.0F : linear > 1.0F ? 1.0F : linear;
  return ToneTables::get().srgb[static_cast<std::size_t>(clamped * static_cast<float>(ToneTables::kSteps) + 0.5F)];
}

}  // namespace a2p::picture
