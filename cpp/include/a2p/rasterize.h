// Which triangle each pixel of an image sees, and where on that triangle.
#pragma once
#include <array>
#include <cstdint>
#include <span>

namespace a2p {

// A pinhole camera, px. Frame: x right, y down, z forward; the centre of the top left pixel is (0.5, 0.5).
struct PinholeView {
  double fx = 1.0;
  double fy = 1.0;
  double cx = 0.0;
  double cy = 0.0;
};

// Triangles in the camera frame (m).
struct RasterMesh {
  std::span<const std::array<float, 3>> vertices;
  std::span<const std::array<std::int32_t, 3>> faces;
};

// What each pixel of one image sees, row by row; every span holds width * height entries.
struct RasterImage {
  static constexpr std::int32_t kNoFace = -1;
  static constexpr std::int32_t kMaxSide = 1 << 15;  // px; what the fixed-point grid allows
  std::int32_t width = 0;
  std::int32_t height = 0;
  std::span<std::int32_t> face;             // kNoFace where nothing is seen
  std::span<std::array<float, 3>> weights;  // of the face's vertices in space, in [0, 1], sum 1; 0 for kNoFace
  std::span<float> depth;                   // z (m); infinite for kNoFace
};

struct RasterJob {
  RasterMesh mesh;
  PinholeView view;
  RasterImage image;
};

// Fills every job's image with the nearest surface at each pixel's centre; equal depths go to the lowest face.
// Both sides of a face are seen. What is nearer than z = near is clipped away, and so is what lies far outside the
// image. Corners are snapped to 1/256 px and edges follow the top-left rule in integer arithmetic, so that faces
// sharing an edge cover each pixel along it exactly once; weights come from the unsnapped triangle in space and are
// therefore correct in perspective. A face without area in the image covers nothing.
// Images and bands of rows are spread over `threads` (0: the default); the result is the same for any number.
// Requires finite positions, indices in range, near > 0, sides of at most kMaxSide.
void rasterize(std::span<const RasterJob> jobs, double near, std::int32_t threads);

}  // namespace a2p
