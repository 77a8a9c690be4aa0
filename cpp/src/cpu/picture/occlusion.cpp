#include "cpu/picture/occlusion.h"

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
      for (const float t : {0.2F, 0.7F}) {
        spheres.push_back({mix(begin, end, k == 2 ? 0.8F * t : t), radius * (k == 2 ? 0.85F : 1.0F), hand, joint});
      }
    }
    if (finger == 4) continue;
    for (const float t : {0.3F, 0.6F, 0.88F}) {
      spheres.push_back({mix(joints[0], joints[static_cast<std::size_t>(first)], t), 0.14F * palm, hand, 0});
    }
  }
}

// Solid angle of a sphere weighted by the cosine, softly cut at the horizon.
float hidden(const Sphere& sphere, const Point& point, const Point& normal) noexcept {
  const Vec to = sphere.centre - point;
  const float squared = dot(to, to);
  if (squared > kReach * kReach) return 0.0F;
  const float distance = std::sqrt(squared);
  const float sine = sphere.radius / std::max(distance, sphere.radius);
  const float cosine = dot(normal, to) / std::max(distance, 1e-6F);
  return sine * sine * saturate((cosine + sine) / (1.0F + sine));
}

bool are_neighbours(std::int32_t a, std::int32_t b) noexcept {
  const auto finger = [](std::int32_t joint) { return joint == 0 ? -1 : (joint - 1) / 3; };
  if (a == b) return true;
  if (a != 0 && b != 0) return finger(a) == finger(b) && std::abs(a - b) == 1;
  return (std::max(a, b) - 1) % 3 == 0;
}

}  // namespace

float sky_at(const std::vector<Sphere>& spheres, const Point& point, const Point& normal) noexcept {
  float sum = 0.0F;
  for (const Sphere& sphere : spheres) sum += hidden(sphere, point, normal);
  return 1.0F / (1.0F + sum * (1.0F + 0.6F * sum));
}

void hide_sky(const Looks& looks, const Job& job, Workspace& workspace) {
  Mesh& mesh = workspace.mesh;
  auto& spheres = workspace.spheres;
  spheres.clear();
  mesh.sky.assign(mesh.position.size(), 1.0F);
  for (int hand = 0; hand < 2; ++hand) {
    if (job.scene->wear[static_cast<std::size_t>(hand)].present != 0.0F) append_spheres(job, hand, spheres);
  }
  for (std::size_t i = 0; i < mesh.position.size(); ++i) {
    std::int32_t hand = -1, joint = -1;
    for (std::size_t h = 0; h < 2; ++h) {
      if (job.scene->wear[h].present == 0.0F) continue;
      const auto local = static_cast<std::int32_t>(i) - mesh.first_vertex[h];
      if (local < 0 || static_cast<std::int32_t>(i) >= mesh.last_vertex[h]) continue;
      hand = static_cast<std::int32_t>(h);
      joint = looks.hands[h].joint[static_cast<std::size_t>(local)];
    }
    float sum = 0.0F;
    for (const Sphere& sphere : spheres) {
      if (sphere.hand == hand && are_neighbours(sphere.joint, joint)) continue;
      sum += hidden(sphere, mesh.position[i], mesh.normal[i]);
    }
    mesh.sky[i] = 1.0F / (1.0F + sum * (1.0F + 0.6F * sum));
  }
}

}  // namespace a2p::picture
