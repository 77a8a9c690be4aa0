#include "cpu/picture/geometry.h"
#include "cpu/picture/values.h"

namespace a2p::picture {
namespace {

constexpr int kRings = 9;
constexpr int kSleeveSegments = 22;
constexpr float kBendLength = 0.06F;  // m over which the arm turns from the hand's direction into its own
constexpr float kNearest = 0.12F;     // m: no ring comes nearer to the camera
constexpr float kTau = 6.2831853F;

// The middle line of a forearm and the ellipse of its wrist.
class ArmPath {
 public:
  ArmPath(const HandLook& look, const Job& job, int hand) : arm_(job.scene->arms[static_cast<std::size_t>(hand)]) {
    const auto vertices = job.vertices[static_cast<std::size_t>(hand)];
    const auto joints = job.joints[static_cast<std::size_t>(hand)];
    for (const std::int32_t v : look.wrist_loop) wrist_ += vertices[static_cast<std::size_t>(v)];
    wrist_ = (1.0F / static_cast<float>(look.wrist_loop.size())) * wrist_;
    out_ = unit(wrist_ - 0.25F * (joints[1] + joints[4] + joints[7] + joints[10]));
    end_ = unit(vec(arm_.direction));
    across_ = joints[1] - joints[7];
    for (const std::int32_t v : look.wrist_loop) {
      const Vec offset = vertices[static_cast<std::size_t>(v)] - wrist_;
      wide_ = std::max(wide_, std::abs(dot(offset, side(0.0F))));
      deep_ = std::max(deep_, std::abs(dot(offset, front(0.0F))));
    }
    const float towards = -end_.z;
    length_ = arm_.length;
    if (towards > 1e-3F) length_ = std::min(length_, std::max((wrist_.z - kNearest) / towards, 0.01F));
  }

  float length() const noexcept { return length_; }
  Vec tangent(float s) const noexcept { return unit(mix(out_, end_, smooth_step(0.0F, kBendLength, s))); }
  Vec side(float s) const noexcept { return unit_across(across_, tangent(s)); }
  Vec front(float s) const noexcept { return cross(tangent(s), side(s)); }
  float swell(float s) const noexcept { return 1.0F + arm_.growth * smooth_step(0.0F, 0.26F, s); }
  float wide(float s) const noexcept { return wide_ * swell(s); }
  float deep(float s) const noexcept { return mix(deep_, wide_ * 0.92F, smooth_step(0.0F, 0.25F, s)) * swell(s); }

  // The integral of the tangent, by its middle.
  Vec centre(float s) const noexcept {
    const float bend = std::min(s, kBendLength);
    Vec point = wrist_ + 0.25F * bend * (tangent(0.0F) + 2.0F * tangent(0.5F * bend) + tangent(bend));
    if (s > kBendLength) point += (s - kBendLength) * tangent(s);
    return point;
  }

  Vec on_ellipse(float s, float angle, float more) const noexcept {
    return centre(s) + (wide(s) + more) * std::cos(angle) * side(s) + (deep(s) + more) * std::sin(angle) * front(s);
  }

 private:
  const Arm& arm_;
  Vec wrist_{}, out_{}, end_{}, across_{};
  float wide_ = 0, deep_ = 0, length_ = 0;
};

// Joins ring `from` to ring `to`, both of `count` vertices; outward if the rings run clockwise seen along the tube.
void append_band_of_faces(std::span<const std::int32_t> from, std::span<const std::int32_t> to, std::uint8_t part,
                          Mesh& mesh) {
  const std::size_t count = from.size();
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t j = (i + 1) % count;
    mesh.faces.push_back({from[j], from[i], to[i]});
    mesh.faces.push_back({from[j], to[i], to[j]});
    mesh.part.insert(mesh.part.end(), 2, part);
  }
}

Label forearm_label(int hand) noexcept { return hand == 0 ? kRightForearm : kLeftForearm; }

std::uint8_t add_part(Mesh& mesh, Cover cover, int hand) {
  mesh.parts.push_back({cover, static_cast<std::uint8_t>(hand), forearm_label(hand)});
  return static_cast<std::uint8_t>(mesh.parts.size() - 1);
}

// Skin from the wrist's own loop on: rings of as many vertices as the loop has, so that no seam shows.
void append_skin(const HandLook& look, const ArmPath& path, int hand, float end, Mesh& mesh) {
  const std::int32_t first = mesh.first_vertex[static_cast<std::size_t>(hand)];
  std::vector<std::int32_t> ring, next;
  std::vector<Vec> offset;
  for (const std::int32_t v : look.wrist_loop) {
    ring.push_back(first + v);
    offset.push_back(mesh.position[static_cast<std::size_t>(first + v)] - path.centre(0.0F));
  }
  const std::uint8_t part = add_part(mesh, Cover::kArm, hand);
  for (int k = 1; k <= kRings; ++k) {
    const float t = static_cast<float>(k) / kRings, s = end * t * (0.4F + 0.6F * t);
    next.clear();
    for (std::size_t i = 0; i < ring.size(); ++i) {
      const auto base = static_cast<std::size_t>(ring[i]);
      const float x = dot(offset[i], path.side(0.0F)) / path.wide(0.0F);
      const float y = dot(offset[i], path.front(0.0F)) / path.deep(0.0F);
      const float along = dot(offset[i], path.tangent(0.0F)) * (1.0F - smooth_step(0.0F, 0.02F, s));
      const float round = mix(1.0F, 1.0F / std::sqrt(x * x + y * y), smooth_step(0.0F, 0.06F, s));
      next.push_back(static_cast<std::int32_t>(mesh.position.size()));
      mesh.position.push_back(path.centre(s) + along * path.tangent(s) + round * x * path.wide(s) * path.side(s) +
                              round * y * path.deep(s) * path.front(s));
      const Point wrist_place = look.rest[static_cast<std::size_t>(look.wrist_loop[i])];
      mesh.place.push_back(wrist_place + Point{s, 0.0F, 0.0F});
      mesh.palmar.push_back(k == 1 ? mesh.palmar[base] : mesh.palmar[base] * 0.9F);
    }
    append_band_of_faces(ring, next, part, mesh);
    ring = next;
  }
}

// One ring of a tube around the arm; `more` is its distance from the skin (m) by angle.
template <typename Height>
void append_ring(const ArmPath& path, float s, float along, Mesh& mesh, std::vector<std::int32_t>& ring,
                 const Height& more) {
  ring.clear();
  for (int i = 0; i < kSleeveSegments; ++i) {
    const float angle = -kTau * static_cast<float>(i) / kSleeveSegments;
    ring.push_back(static_cast<std::int32_t>(mesh.position.size()));
    mesh.position.push_back(path.on_ellipse(s, angle, more(angle)));
    mesh.place.push_back({along, 0.035F * angle, 0.0F});
    mesh.palmar.push_back(0.0F);
  }
}

// A tube from `begin` to `end` with a hem that turns in to the skin.
template <typename Height>
void append_tube(const ArmPath& path, float begin, float end, int rings, std::uint8_t part, Mesh& mesh,
                 const Height& height) {
  std::vector<std::int32_t> ring, next;
  append_ring(path, begin + 0.004F, -0.003F, mesh, ring, [](float) { return -0.002F; });
  for (int k = 0; k <= rings; ++k) {
    const float s = mix(begin, end, static_cast<float>(k) / static_cast<float>(rings));
    append_ring(path, s, s - begin, mesh, next, [&](float angle) { return height(s - begin, angle); });
    append_band_of_faces(ring, next, part, mesh);
    std::swap(ring, next);
  }
}

void append_sleeve(const Arm& arm, const ArmPath& path, int hand, Mesh& mesh) {
  const std::uint8_t part = add_part(mesh, Cover::kSleeve, hand);
  const float phase = arm.sleeve_phase, folds = arm.sleeve_folds;
  append_tube(path, arm.sleeve_begin, path.length(), 14, part, mesh, [&](float s, float angle) {
    const float away = smooth_step(0.0F, 0.05F, s);
    const float wave = std::sin(2.0F * angle + 62.0F * s + phase + 1.4F * std::sin(3.0F * angle + phase)) +
                       0.6F * std::sin(5.0F * angle - 97.0F * s + 2.0F * phase + 2.0F * std::sin(2.0F * angle));
    return 0.002F + arm.sleeve_loose * (0.45F + 0.55F * away) + folds * away * wave;
  });
}

}  // namespace

void append_arm(const HandLook& look, const Job& job, int hand, Mesh& mesh) {
  const Arm& arm = job.scene->arms[static_cast<std::size_t>(hand)];
  const ArmPath path(look, job, hand);
  const bool has_sleeve = arm.sleeve_begin < path.length() - 0.02F;
  append_skin(look, path, hand, has_sleeve ? arm.sleeve_begin + 0.02F : path.length(), mesh);
  if (arm.band_begin + arm.band_width < std::min(path.length(), has_sleeve ? arm.sleeve_begin : 1.0F)) {
    const std::uint8_t part = add_part(mesh, Cover::kBand, hand);
    append_tube(path, arm.band_begin, arm.band_begin + arm.band_width, 3, part, mesh,
                [&](float s, float) { return s > 0.99F * arm.band_width ? -0.001F : 0.001F + arm.band_height; });
  }
  if (has_sleeve) append_sleeve(arm, path, hand, mesh);
}

}  // namespace a2p::picture
