// The kernel of cpu/sample_window_kernel.cpp, one copy an instruction set.
#pragma once
#include <cstdint>

#include "a2p/sample_window.h"

namespace a2p {

// (x, y) in a picture, px, of (u, v) in a window, px: origin + u * right + v * down; outside [low, high) there is
// black.
struct WindowSteps {
  double origin_x, origin_y, right_x, right_y, down_x, down_y;
  double low_x, low_y, high_x, high_y;
};

}  // namespace a2p

#define A2P_DECLARE_SAMPLE_WINDOW(isa)                                                                              \
  namespace a2p::isa {                                                                                              \
  void sample_pixels(const PictureView& picture, const WindowSteps& steps, std::int64_t size, float* out) noexcept; \
  void add_row(const std::uint8_t* row, std::int64_t count, std::uint32_t* sums) noexcept;                          \
  }

// sample_pixels writes the window bilinearly, in [0, 1]; beyond the picture's outermost pixels their value holds.
// add_row adds each of `count` bytes to its sum.
A2P_DECLARE_SAMPLE_WINDOW(portable)
#if defined(__x86_64__)
A2P_DECLARE_SAMPLE_WINDOW(avx2)
A2P_DECLARE_SAMPLE_WINDOW(avx512)
#elif defined(__aarch64__)
A2P_DECLARE_SAMPLE_WINDOW(neon)
#endif
