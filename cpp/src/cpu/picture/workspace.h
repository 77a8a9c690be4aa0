// What one thread keeps while it makes pictures, so that a warm picture allocates nothing.
#pragma once
#include <array>
#include <cstdint>
#include <vector>

#include "a2p/picture/render.h"

namespace a2p::picture {

using Rgb = Vec3<float>;

// What covers a face: which finish or skin is looked up when it is shaded.
enum class Cover : std::uint8_t { kSkin, kArm, kSleeve, kBand, kSolid };

struct Part {
  Cover cover;
  std::uint8_t index;  // of the hand, or of the solid
  Label label;
};

struct Mesh {
  std::vector<Point> position;
  std::vector<Point> normal;
  std::vector<Point> place;   // where on its material a vertex is: rest position, or metres along and around
  std::vector<float> palmar;  // 0 to 1, for skin
  std::vector<float> sky;     // share of the sky that reaches it
  std::vector<std::array<std::int32_t, 3>> faces;
  std::vector<std::uint8_t> part;  // of each face
  std::vector<Part> parts;
  std::array<std::int32_t, 2> first_vertex{};  // of each hand
  std::array<std::int32_t, 2> last_vertex{};

  void clear() {
    position.clear();
    normal.clear();
    place.clear();
    palmar.clear();
    faces.clear();
    part.clear();
    parts.clear();
  }
};

struct Projected {
  float x, y, inverse_z;  // px of the sample grid, 1/m; inverse_z <= 0: too near
};

struct SampleGrid {
  std::int32_t width = 0, height = 0;
  std::vector<float> inverse_depth;  // 1/m; 0 where nothing is
  std::vector<std::int32_t> face;    // -1 where nothing is
};

struct ShadowMap {
  static constexpr std::int32_t kSide = 144;
  Point right, down, forward, centre;
  float texels_per_metre = 1;
  std::vector<float> depth;  // m along `forward`; large where nothing is
};

struct Sphere {
  Point centre;
  float radius;
  std::int32_t hand;
  std::int32_t joint;
};

struct Image {
  std::int32_t width = 0, height = 0;
  std::vector<Rgb> pixels;

  void resize(std::int32_t new_width, std::int32_t new_height) {
    width = new_width;
    height = new_height;
    pixels.resize(static_cast<std::size_t>(width) * static_cast<std::size_t>(height));
  }
  Rgb& at(std::int32_t x, std::int32_t y) { return pixels[static_cast<std::size_t>(y) * width + x]; }
  const Rgb& at(std::int32_t x, std::int32_t y) const { return pixels[static_cast<std::size_t>(y) * width + x]; }
};

struct Workspace {
  Mesh mesh;
  std::vector<Projected> projected;  // by the camera
  std::vector<Projected> lit;        // by the lamp; depth (m) in place of its inverse
  SampleGrid samples;
  ShadowMap shadow;
  std::vector<Sphere> spheres;
  std::vector<Sphere> few_spheres;
  std::vector<Point> normal_sum;
  Image image, background, scratch;
  std::vector<float> planes;
  std::vector<float> whole;  // ones, as many as vertices
};

}  // namespace a2p::picture
