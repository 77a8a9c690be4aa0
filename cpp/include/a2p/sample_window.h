// The pixels of a square window on a picture, as a network wants to see them.
#pragma once
#include <cstdint>
#include <span>

namespace a2p {

// RGB of 8 bits, row by row.
struct PictureView {
  const std::uint8_t* pixels;
  std::int64_t width, height;
};

// A window with its centre and side in px of the picture, turned clockwise on the screen by `rotation` (rad). One that
// is mirrored reads the picture from right to left before it is turned.
struct Window {
  double centre_x, centre_y, side, rotation;
  bool is_mirrored;
};

// Writes size x size pixels of three values in [0, 1], black outside the picture. Bilinear; where the window has at
// least twice as many pixels as the result, whole blocks of the picture are averaged to 8 bits first, so that fine
// detail does not alias.
// Requires a picture with pixels, a finite window of positive side, and out.size() == 3 * size * size.
void sample_window(const PictureView& picture, const Window& window, std::int64_t size, std::span<float> out);

}  // namespace a2p
