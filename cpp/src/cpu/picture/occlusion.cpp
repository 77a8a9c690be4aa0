#include "cpu/picture/occlusion.h"

#include "a2p/isa.h"
#include "cpu/picture/occlusion_kernel.h"
#include "cpu/picture/values.h"

namespace a2p::picture {
namespace {

// Joints in kinematic order: wrist, then index, middle, pinky, ring, thumb, three each; keypoints end each finger.
constexpr std::array<std::int32_t, 5> kFirstJoint{1, 4, 7, 10, 13};
constexpr std::array<std::int32_t, 5> kTipKeypoint{8, 12, 20, 16, 4};
constexpr float kFingerRadius = 0.088F;  // of the palm's length
constexpr float kReach = 0.09F;          // m: spheres farther than this hide nothing

void append_spheres(const Job& job, int hand, std::vector<Sphere>& spheres) {
  const auto joints = job.joints[static_cast<std::size_t>(hand)];
  const auto keypoints = job.keypoints[static_cast<std::size_t>(hand)];
  const float palm = length(joints[4] - joints[0]);
  for (std::size_t finger = 0; finger < 5; ++finger) {
    const std::int32_t first = kFirstJoint[finger];
    const float radius = kFingerRadius * palm * (finger == 4 ? 1.15F : finger == 2 ? 0.85F : 1.0F);
    for (std::int32_t k = 0; k < 3; ++k) {
      const std::int32_t joint = first + k;
      const Point& begin = joints[static_cast<std::size_t>(joint)];
      const Point& end = k < 2 ? joints[static_cast<std::size_t>(joint + 1)]
                               : keypoints[static_cast<std::size_t>(kTipKeypoint[finger])];
      spheres.push_back({mix(begin, end, 0.45F), radius * (k == 2 ? 1.0F : 1.3F), hand, joint});
    }
    if (finger == 4) continue;
    for (const float t : {0.4F, 0.8F}) {
      spheres.push_back({mix(joints[0], joints[static_cast<std::size_t>(first)], t), 0.16F * palm, hand, 0});
    }
  }
}

bool are_neighbours(std::int32_t a, std::int32_t b) noexcept {
  const auto finger = [](std::int32_t joint) { return joint == 0 ? -1 : (joint - 1) / 3; };
  if (a == b) return true;
  if (a != 0 && b != 0) return finger(a) == finger(b) && std::abs(a - b) == 1;
  return (std::max(a, b) - 1) % 3 == 0;
}

// Splits positions and normals into one array a coordinate, which vector units like.
void split(const Mesh& mesh, std::vector<float>& planes) {
  const std::size_t count = mesh.position.size();
  planes.resize(7 * count);
  for (std::size_t i = 0; i < count; ++i) {
    const std::array<float, 6> values{mesh.position[i].x, mesh.position[i].y, mesh.position[i].z,
                                      mesh.normal[i].x,   mesh.normal[i].y,   mesh.normal[i].z};
    for (std::size_t k = 0; k < values.size(); ++k) planes[k * count + i] = values[k];
  }
  std::fill_n(planes.begin() + static_cast<std::ptrdiff_t>(6 * count), count, 0.0F);
}

// Whether a sphere of the other hand lies so near that this one may hide sky from the skin around it.
bool reaches(const Sphere& sphere, const std::vector<Sphere>& spheres) noexcept {
  return std::ranges::any_of(spheres, [&](const Sphere& other) {
    return other.hand != sphere.hand && length(other.centre - sphere.centre) < kReach + other.radius;
  });
}

// Adds what a sphere hides from the points [begin, end), times the `share` of each.
void add_hidden_by(const Sphere& sphere, const std::vector<float>& share, std::size_t begin, std::size_t end,
                   std::size_t count, float* planes) noexcept {
  const Hider hider{sphere.centre.x, sphere.centre.y, sphere.centre.z, sphere.radius, kReach};
  A2P_DISPATCH(active_isa(), add_hidden, hider, share.data(), static_cast<std::int64_t>(begin),
               static_cast<std::int64_t>(end), static_cast<std::int64_t>(count), planes);
}

// Writes what is left of the sky for each of the points whose sums stand in the last of `planes`.
void write_open_shares(const float* planes, std::size_t count, float* share) noexcept {
  A2P_DISPATCH(active_isa(), write_open_share, planes + 6 * count, static_cast<std::int64_t>(count), share);
}

}  // namespace

void hide_sky(const Looks& looks, const Job& job, Workspace& workspace) {
  Mesh& mesh = workspace.mesh;
  auto& spheres = workspace.spheres;
  spheres.clear();
  for (int hand = 0; hand < 2; ++hand) {
    if (job.scene->wear[static_cast<std::size_t>(hand)].present != 0.0F) append_spheres(job, hand, spheres);
  }
  const std::size_t count = mesh.position.size();
  split(mesh, workspace.planes);
  workspace.whole.assign(count, 1.0F);
  float* planes = workspace.planes.data();
  for (const Sphere& sphere : spheres) {
    const auto hand = static_cast<std::size_t>(sphere.hand);
    const auto first = static_cast<std::size_t>(mesh.first_vertex[hand]);
    const auto last = static_cast<std::size_t>(mesh.last_vertex[hand]);
    add_hidden_by(sphere, looks.hands[hand].other_bones[static_cast<std::size_t>(sphere.joint)], first, last, count,
                  planes);
    const std::size_t other = 1 - hand;
    if (job.scene->wear[other].present != 0.0F && reaches(sphere, spheres)) {
      add_hidden_by(sphere, workspace.whole, static_cast<std::size_t>(mesh.first_vertex[other]),
                    static_cast<std::size_t>(mesh.last_vertex[other]), count, planes);
    }
  }
  mesh.sky.resize(count);
  write_open_shares(planes, count, mesh.sky.data());
}

void leave_sky_open(const std::vector<Sphere>& spheres, std::size_t count, Workspace& workspace) {
  workspace.whole.assign(count, 1.0F);
  float* planes = workspace.planes.data();
  std::fill_n(planes + 6 * count, count, 0.0F);
  for (const Sphere& sphere : spheres) add_hidden_by(sphere, workspace.whole, 0, count, count, planes);
  write_open_shares(planes, count, planes + 6 * count);
}

void set_other_bones(HandLook& look) {
  for (std::int32_t joint = 0; joint < kJointCount; ++joint) {
    auto& share = look.other_bones[static_cast<std::size_t>(joint)];
    share.clear();
    for (const std::uint8_t own : look.joint) share.push_back(are_neighbours(joint, own) ? 0.0F : 1.0F);
  }
}

}  // namespace a2p::picture
