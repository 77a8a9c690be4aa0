#include "a2p/rasterize.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <vector>

#include "a2p/thread_pool.h"
#include "a2p/vec3.h"

namespace a2p {
namespace {

constexpr std::int32_t kSubpixelBits = 8;
constexpr std::int64_t kSubpixels = std::int64_t{1} << kSubpixelBits;
constexpr double kGuard = 1 << 17;  // px: farther from the image, faces are clipped so that products fit in 64 bits
constexpr std::int32_t kMinBandRows = 16;

using Point3 = Vec3<double>;

struct GridPoint {
  std::int64_t x, y;  // 1/256 px
};

GridPoint snap(const Point3& p, const PinholeView& view) noexcept {
  const double scale = static_cast<double>(kSubpixels);
  return {std::llround((view.fx * p.x / p.z + view.cx) * scale), std::llround((view.fy * p.y / p.z + view.cy) * scale)};
}

// The five half-spaces that a drawable point lies in; distance is linear in the point and >= 0 inside.
class Frustum {
 public:
  static constexpr int kPlaneCount = 5;

  Frustum(const PinholeView& view, double near) noexcept : view_(view), near_(near) {}

  double distance(int plane, const Point3& p) const noexcept {
    switch (plane) {
      case 0:
        return p.z - near_;
      case 1:
        return view_.fx * p.x + (view_.cx + kGuard) * p.z;
      case 2:
        return (kGuard - view_.cx) * p.z - view_.fx * p.x;
      case 3:
        return view_.fy * p.y + (view_.cy + kGuard) * p.z;
      default:
        return (kGuard - view_.cy) * p.z - view_.fy * p.y;
    }
  }

  bool contains(const Point3& p) const noexcept {
    for (int plane = 0; plane < kPlaneCount; ++plane) {
      if (distance(plane, p) < 0.0) return false;
    }
    return true;
  }

 private:
  PinholeView view_;
  double near_;
};

// A convex polygon in space; each of five planes adds at most one corner to a triangle.
struct Polygon {
  std::array<Point3, 3 + Frustum::kPlaneCount> corners;
  int count = 0;

  void push(const Point3& p) noexcept { corners[static_cast<std::size_t>(count++)] = p; }
};

// The point where the segment crosses the plane, the same bits for either direction of travel.
Point3 crossing(const Point3& inside, double d_inside, const Point3& outside, double d_outside) noexcept {
  const double t = d_inside / (d_inside - d_outside);
  return inside + t * (outside - inside);
}

Polygon clip(const Polygon& polygon, const Frustum& frustum, int plane) noexcept {
  Polygon kept;
  for (int i = 0; i < polygon.count; ++i) {
    const Point3& here = polygon.corners[static_cast<std::size_t>(i)];
    const Point3& next = polygon.corners[static_cast<std::size_t>((i + 1) % polygon.count)];
    const double d_here = frustum.distance(plane, here);
    const double d_next = frustum.distance(plane, next);
    if (d_here >= 0.0) kept.push(here);
    if (d_here >= 0.0 && d_next < 0.0) kept.push(crossing(here, d_here, next, d_next));
    if (d_here < 0.0 && d_next >= 0.0) kept.push(crossing(next, d_next, here, d_here));
  }
  return kept;
}

// Barycentric weights and depth of a triangle in space along the ray through a pixel: the weight of a corner is
// proportional to the triple product of the ray and the other two corners.
class RayWeights {
 public:
  RayWeights(const std::array<Point3, 3>& corners, const PinholeView& view) noexcept : view_(view) {
    const Point3 n0 = cross(corners[1], corners[2]);
    const double side = dot(corners[0], n0) < 0.0 ? -1.0 : 1.0;
    const std::array<Point3, 3> normals{n0, cross(corners[2], corners[0]), cross(corners[0], corners[1])};
    for (std::size_t i = 0; i < 3; ++i) {
      normals_[i] = {side * normals[i].x / view.fx, side * normals[i].y / view.fy, side * normals[i].z};
      z_[i] = corners[i].z;
    }
  }

  // Snapping may cover a pixel just outside the triangle: its weights are clamped to the nearest ones that are legal.
  double at(std::int32_t column, std::int32_t row, std::array<float, 3>& weights) const noexcept {
    const double x = column + 0.5 - view_.cx;
    const double y = row + 0.5 - view_.cy;
    std::array<double, 3> w{};
    double sum = 0.0;
    for (std::size_t i = 0; i < 3; ++i) {
      w[i] = std::max(0.0, normals_[i].x * x + normals_[i].y * y + normals_[i].z);
      sum += w[i];
    }
    if (!(sum > 0.0)) {
      w = {1.0, 1.0, 1.0};  // seen exactly edge-on
      sum = 3.0;
    }
    const double scale = 1.0 / sum;
    double depth = 0.0;
    for (std::size_t i = 0; i < 3; ++i) {
      const double share = w[i] * scale;
      weights[i] = static_cast<float>(share);
      depth += share * z_[i];
    }
    return depth;
  }

 private:
  PinholeView view_;
  std::array<Point3, 3> normals_;
  std::array<double, 3> z_;
};

// Twice the signed area of (from, to, p): positive to the right of the edge in an image whose y points down.
struct Edge {
  std::int64_t dx, dy, at_origin;

  Edge(const GridPoint& from, const GridPoint& to) noexcept : dx(to.x - from.x), dy(to.y - from.y) {
    const bool owns_its_pixels = dy < 0 || (dy == 0 && dx > 0);  // a left or a top edge
    at_origin = dy * from.x - dx * from.y - (owns_its_pixels ? 0 : 1);
  }

  std::int64_t at(std::int64_t x, std::int64_t y) const noexcept { return dx * y - dy * x + at_origin; }
};

// The first and last pixel (inclusive) whose centre lies in [low, high], within [first, last].
struct PixelRange {
  std::int32_t first, last;

  PixelRange(std::int64_t low, std::int64_t high, std::int32_t first_allowed, std::int32_t last_allowed) noexcept {
    const std::int64_t half = kSubpixels / 2;
    const std::int64_t from = (low - half + kSubpixels - 1) >> kSubpixelBits;
    const std::int64_t to = (high - half) >> kSubpixelBits;
    first = static_cast<std::int32_t>(std::max<std::int64_t>(from, first_allowed));
    last = static_cast<std::int32_t>(std::min<std::int64_t>(to, last_allowed));
  }
};

// Draws the faces of one job into a band of its rows.
class BandPainter {
 public:
  BandPainter(const RasterJob& job, double near, std::int32_t row_begin, std::int32_t row_end) noexcept
      : job_(job), frustum_(job.view, near), row_begin_(row_begin), row_end_(row_end) {}

  void paint(std::vector<std::pair<GridPoint, bool>>& projected) const {
    clear();
    project(projected);
    const auto& faces = job_.mesh.faces;
    for (std::size_t face = 0; face < faces.size(); ++face) {
      const auto [a, b, c] = faces[face];
      const auto& [pa, a_inside] = projected[static_cast<std::size_t>(a)];
      const auto& [pb, b_inside] = projected[static_cast<std::size_t>(b)];
      const auto& [pc, c_inside] = projected[static_cast<std::size_t>(c)];
      if (a_inside && b_inside && c_inside) {
        fill(static_cast<std::int32_t>(face), pa, pb, pc);
      } else {
        fill_clipped(static_cast<std::int32_t>(face));
      }
    }
  }

 private:
  std::size_t width() const noexcept { return static_cast<std::size_t>(job_.image.width); }

  void clear() const {
    const std::size_t begin = static_cast<std::size_t>(row_begin_) * width();
    const std::size_t count = static_cast<std::size_t>(row_end_ - row_begin_) * width();
    std::ranges::fill(job_.image.face.subspan(begin, count), RasterImage::kNoFace);
    std::ranges::fill(job_.image.weights.subspan(begin, count), std::array<float, 3>{});
    std::ranges::fill(job_.image.depth.subspan(begin, count), std::numeric_limits<float>::infinity());
  }

  Point3 vertex(std::int32_t index) const noexcept {
    const auto& v = job_.mesh.vertices[static_cast<std::size_t>(index)];
    return {v[0], v[1], v[2]};
  }

  std::array<Point3, 3> corners(std::int32_t face) const noexcept {
    const auto [a, b, c] = job_.mesh.faces[static_cast<std::size_t>(face)];
    return {vertex(a), vertex(b), vertex(c)};
  }

  void project(std::vector<std::pair<GridPoint, bool>>& projected) const {
    projected.resize(job_.mesh.vertices.size());
    for (std::size_t i = 0; i < projected.size(); ++i) {
      const Point3 p = vertex(static_cast<std::int32_t>(i));
      const bool inside = frustum_.contains(p);
      projected[i] = {inside ? snap(p, job_.view) : GridPoint{0, 0}, inside};
    }
  }

  void fill_clipped(std::int32_t face) const noexcept {
    Polygon polygon;
    for (const Point3& corner : corners(face)) polygon.push(corner);
    for (int plane = 0; plane < Frustum::kPlaneCount && polygon.count > 0; ++plane) {
      polygon = clip(polygon, frustum_, plane);
    }
    for (int i = 2; i < polygon.count; ++i) {
      fill(face, snap(polygon.corners[0], job_.view), snap(polygon.corners[static_cast<std::size_t>(i - 1)], job_.view),
           snap(polygon.corners[static_cast<std::size_t>(i)], job_.view));
    }
  }

  void fill(std::int32_t face, const GridPoint& a, GridPoint b, GridPoint c) const noexcept {
    const PixelRange rows(std::min({a.y, b.y, c.y}), std::max({a.y, b.y, c.y}), row_begin_, row_end_ - 1);
    const PixelRange columns(std::min({a.x, b.x, c.x}), std::max({a.x, b.x, c.x}), 0, job_.image.width - 1);
    if (rows.first > rows.last || columns.first > columns.last) return;
    const std::int64_t area = (b.x - a.x) * (c.y - a.y) - (b.y - a.y) * (c.x - a.x);
    if (area == 0) return;
    if (area < 0) std::swap(b, c);
    const std::array<Edge, 3> edges{Edge(a, b), Edge(b, c), Edge(c, a)};
    std::optional<RayWeights> ray;  // most small faces hold no pixel's centre
    const std::int64_t half = kSubpixels / 2;
    for (std::int32_t row = rows.first; row <= rows.last; ++row) {
      const std::int64_t y = row * kSubpixels + half;
      const std::int64_t x = columns.first * kSubpixels + half;
      std::int64_t e0 = edges[0].at(x, y), e1 = edges[1].at(x, y), e2 = edges[2].at(x, y);
      for (std::int32_t column = columns.first; column <= columns.last; ++column) {
        if ((e0 | e1 | e2) >= 0) {
          if (!ray) ray.emplace(corners(face), job_.view);
          offer(face, *ray, column, row);
        }
        e0 -= edges[0].dy * kSubpixels;
        e1 -= edges[1].dy * kSubpixels;
        e2 -= edges[2].dy * kSubpixels;
      }
    }
  }

  void offer(std::int32_t face, const RayWeights& ray, std::int32_t column, std::int32_t row) const noexcept {
    std::array<float, 3> weights;
    const auto depth = static_cast<float>(ray.at(column, row, weights));
    const std::size_t pixel = static_cast<std::size_t>(row) * width() + static_cast<std::size_t>(column);
    if (depth >= job_.image.depth[pixel]) return;
    job_.image.depth[pixel] = depth;
    job_.image.face[pixel] = face;
    job_.image.weights[pixel] = weights;
  }

  const RasterJob& job_;
  Frustum frustum_;
  std::int32_t row_begin_;
  std::int32_t row_end_;
};

}  // namespace

void rasterize(std::span<const RasterJob> jobs, double near, std::int32_t threads) {
  const std::int64_t lanes = threads > 0 ? threads : thread_count();
  const auto job_count = static_cast<std::int64_t>(jobs.size());
  if (job_count == 0) return;
  std::int64_t tallest = 1;
  for (const RasterJob& job : jobs) tallest = std::max<std::int64_t>(tallest, job.image.height);
  const std::int64_t wanted = (4 * lanes + job_count - 1) / job_count;  // a job; several bands a lane even out the work
  const std::int64_t bands = std::min(wanted, (tallest + kMinBandRows - 1) / kMinBandRows);
  parallel_for(job_count * bands, 1, static_cast<std::int32_t>(lanes), [&](WorkItems& units) {
    std::vector<std::pair<GridPoint, bool>> projected;
    while (const std::optional<std::int64_t> unit = units.next()) {
      const RasterJob& job = jobs[static_cast<std::size_t>(*unit / bands)];
      const std::int64_t height = job.image.height;
      const std::int64_t rows = std::max<std::int64_t>((height + bands - 1) / bands, kMinBandRows);
      const std::int64_t begin = std::min(*unit % bands * rows, height);
      const std::int64_t end = std::min(begin + rows, height);
      if (begin == end) continue;
      BandPainter(job, near, static_cast<std::int32_t>(begin), static_cast<std::int32_t>(end)).paint(projected);
    }
  });
}

}  // namespace a2p
