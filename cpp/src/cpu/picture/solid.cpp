#include "cpu/picture/geometry.h"
#include "cpu/picture/values.h"

namespace a2p::picture {
namespace {

constexpr int kSegments = 20;
constexpr int kStacks = 10;
constexpr float kTau = 6.2831853F;

// Writes vertices given in the body's own frame, in units of its half size.
class BodyWriter {
 public:
  BodyWriter(const Solid& solid, std::uint8_t part, Mesh& mesh) : solid_(solid), part_(part), mesh_(mesh) {}

  std::int32_t vertex(float x, float y, float z) {
    const auto& axes = solid_.axes;
    const Vec own{x * solid_.half_size[0], y * solid_.half_size[1], z * solid_.half_size[2]};
    mesh_.position.push_back(vec(solid_.centre) + own.x * Vec{axes[0], axes[1], axes[2]} +
                             own.y * Vec{axes[3], axes[4], axes[5]} + own.z * Vec{axes[6], axes[7], axes[8]});
    mesh_.place.push_back(own);
    mesh_.palmar.push_back(0.0F);
    return static_cast<std::int32_t>(mesh_.position.size() - 1);
  }

  void face(std::int32_t a, std::int32_t b, std::int32_t c) {
    mesh_.faces.push_back({a, b, c});
    mesh_.part.push_back(part_);
  }

  void quad(std::int32_t a, std::int32_t b, std::int32_t c, std::int32_t d) {
    face(a, b, c);
    face(a, c, d);
  }

 private:
  const Solid& solid_;
  std::uint8_t part_;
  Mesh& mesh_;
};

// Six sides with vertices of their own, so that edges stay sharp.
void write_box(BodyWriter& body) {
  for (int axis = 0; axis < 3; ++axis) {
    for (const float sign : {-1.0F, 1.0F}) {
      const auto corner = [&](float u, float v) {
        std::array<float, 3> p{};
        p[static_cast<std::size_t>(axis)] = sign;
        p[static_cast<std::size_t>((axis + 1) % 3)] = u * sign;
        p[static_cast<std::size_t>((axis + 2) % 3)] = v;
        return body.vertex(p[0], p[1], p[2]);
      };
      const std::int32_t a = corner(-1, -1), b = corner(1, -1), c = corner(1, 1), d = corner(-1, 1);
      body.quad(a, b, c, d);
    }
  }
}

std::int32_t write_ring(BodyWriter& body, float radius, float z) {
  std::int32_t first = -1;
  for (int i = 0; i < kSegments; ++i) {
    const float angle = kTau * static_cast<float>(i) / kSegments;
    const std::int32_t v = body.vertex(radius * std::cos(angle), radius * std::sin(angle), z);
    if (i == 0) first = v;
  }
  return first;
}

// The side between two rings, outward if `upper` lies farther along the third axis.
void join(BodyWriter& body, std::int32_t lower, std::int32_t upper) {
  for (int i = 0; i < kSegments; ++i) {
    const int j = (i + 1) % kSegments;
    body.quad(lower + i, lower + j, upper + j, upper + i);
  }
}

void write_disk(BodyWriter& body, float z, bool faces_up) {
  const std::int32_t ring = write_ring(body, 1.0F, z), middle = body.vertex(0, 0, z);
  for (int i = 0; i < kSegments; ++i) {
    const std::int32_t a = ring + i, b = ring + (i + 1) % kSegments;
    if (faces_up) {
      body.face(a, b, middle);
    } else {
      body.face(b, a, middle);
    }
  }
}

void write_ellipsoid(BodyWriter& body) {
  std::int32_t lower = -1;
  for (int k = 0; k <= kStacks; ++k) {
    const float angle = 0.5F * kTau * static_cast<float>(k) / kStacks;
    const std::int32_t ring = write_ring(body, std::sin(angle), -std::cos(angle));
    if (k > 0) join(body, lower, ring);
    lower = ring;
  }
}

void write_side(BodyWriter& body) {
  const std::int32_t lower = write_ring(body, 1.0F, -1.0F), upper = write_ring(body, 1.0F, 1.0F);
  join(body, lower, upper);
}

// A wall with an inside; the rim lies at the upper end.
void write_cup(BodyWriter& body) {
  write_side(body);
  const std::int32_t outer = write_ring(body, 1.0F, 1.0F), inner = write_ring(body, 0.92F, 1.0F);
  join(body, outer, inner);
  const std::int32_t rim = write_ring(body, 0.92F, 1.0F), floor = write_ring(body, 0.85F, -0.85F);
  join(body, rim, floor);
  const std::int32_t edge = write_ring(body, 0.85F, -0.85F), middle = body.vertex(0, 0, -0.85F);
  for (int i = 0; i < kSegments; ++i) body.face(edge + i, edge + (i + 1) % kSegments, middle);
  write_disk(body, -1.0F, false);
}

}  // namespace

void append_solid(const Solid& solid, int index, Mesh& mesh) {
  const auto part = static_cast<std::uint8_t>(mesh.parts.size());
  mesh.parts.push_back({Cover::kSolid, static_cast<std::uint8_t>(index), kObject});
  BodyWriter body(solid, part, mesh);
  switch (static_cast<int>(solid.kind)) {
    case 1:
      write_box(body);
      break;
    case 2:
      write_ellipsoid(body);
      break;
    case 3:
      write_side(body);
      write_disk(body, 1.0F, true);
      write_disk(body, -1.0F, false);
      break;
    default:
      write_cup(body);
  }
}

}  // namespace a2p::picture
