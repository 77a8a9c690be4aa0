#include "cpu/picture/labels.h"

#include <limits>

#include "cpu/picture/values.h"
#include "cpu/picture/visibility.h"

namespace a2p::picture {
namespace {

constexpr int kLabelCount = 6;
constexpr float kFleshDepth = 0.030F;  // m: a keypoint lies within this of the skin above it

// The joint that carries each keypoint: wrist, then thumb, index, middle, ring, pinky, base to tip.
constexpr std::array<std::int32_t, kKeypointCount> kJointOfKeypoint{0, 13, 13, 14, 15, 1,  1, 2, 3, 4, 4,
                                                                    5, 6,  10, 10, 11, 12, 7, 7, 8, 9};

void write_pixel(const Job& job, const Workspace& workspace, std::int32_t column, std::int32_t row) {
  const SampleGrid& grid = workspace.samples;
  std::array<int, kLabelCount> count{};
  std::array<float, kLabelCount> depth{};
  std::size_t most = 0;  // ties go to what the first sample sees, so that no label gains
  for (std::int32_t k = 0; k < kSamples * kSamples; ++k) {
    const std::size_t sample =
        static_cast<std::size_t>(kSamples * row + k / kSamples) * static_cast<std::size_t>(grid.width) +
        static_cast<std::size_t>(kSamples * column + k % kSamples);
    const std::int32_t face = grid.face[sample];
    const Mesh& mesh = workspace.mesh;
    const std::size_t label = face < 0 ? 0U : mesh.parts[mesh.part[static_cast<std::size_t>(face)]].label;
    if (k == 0) most = label;
    ++count[label];
    if (face >= 0) depth[label] += 1.0F / grid.inverse_depth[sample];
  }
  for (std::size_t label = 0; label < kLabelCount; ++label) {
    if (count[label] > count[most]) most = label;
  }
  const std::size_t pixel = static_cast<std::size_t>(row) * static_cast<std::size_t>(grid.width / kSamples) +
                            static_cast<std::size_t>(column);
  job.label[pixel] = static_cast<std::uint8_t>(most);
  job.depth[pixel] = most == 0 ? std::numeric_limits<float>::infinity() : depth[most] / static_cast<float>(count[most]);
}

// Whether the skin that a sample sees belongs to the keypoint's joint or to a neighbour of it.
bool belongs(const Looks& looks, const Workspace& workspace, std::int32_t face, int hand, std::int32_t joint) {
  const Mesh& mesh = workspace.mesh;
  const Part& part = mesh.parts[mesh.part[static_cast<std::size_t>(face)]];
  if (part.index != hand || (part.cover != Cover::kSkin && part.cover != Cover::kArm)) return false;
  if (part.cover == Cover::kArm) return joint == 0;
  const std::int32_t vertex = mesh.faces[static_cast<std::size_t>(face)][0];
  const auto h = static_cast<std::size_t>(hand);
  const std::int32_t local = vertex - mesh.first_vertex[h];
  const std::int32_t seen = looks.hands[h].joint[static_cast<std::size_t>(local)];
  if (seen == joint) return true;
  const auto finger = [](std::int32_t j) { return j == 0 ? -1 : (j - 1) / 3; };
  if (seen == 0 || joint == 0) return (std::max(seen, joint) - 1) % 3 == 0;
  return finger(seen) == finger(joint) && std::abs(seen - joint) == 1;
}

bool is_visible(const Looks& looks, const Job& job, const Workspace& workspace, int hand, std::size_t keypoint) {
  const Point& p = job.keypoints[static_cast<std::size_t>(hand)][keypoint];
  if (p.z < kNear) return false;
  const SampleGrid& grid = workspace.samples;
  const Scene& scene = *job.scene;
  const float fx = kSamples * (scene.fx * p.x / p.z + scene.cx), fy = kSamples * (scene.fy * p.y / p.z + scene.cy);
  if (!(fx >= 0.0F && fy >= 0.0F && fx < static_cast<float>(grid.width) && fy < static_cast<float>(grid.height))) {
    return false;
  }
  const auto x = static_cast<std::int32_t>(fx), y = static_cast<std::int32_t>(fy);
  const std::size_t sample =
      static_cast<std::size_t>(y) * static_cast<std::size_t>(grid.width) + static_cast<std::size_t>(x);
  const std::int32_t face = grid.face[sample];
  if (face < 0) return false;
  const float depth = 1.0F / grid.inverse_depth[sample];
  return p.z - depth < kFleshDepth && belongs(looks, workspace, face, hand, kJointOfKeypoint[keypoint]);
}

}  // namespace

void write_labels(const Looks& looks, const Job& job, const Workspace& workspace) {
  const SampleGrid& grid = workspace.samples;
  for (std::int32_t row = 0; row < grid.height / kSamples; ++row) {
    for (std::int32_t column = 0; column < grid.width / kSamples; ++column) write_pixel(job, workspace, column, row);
  }
  for (int hand = 0; hand < 2; ++hand) {
    const bool is_present = job.scene->wear[static_cast<std::size_t>(hand)].present != 0.0F;
    for (std::size_t k = 0; k < kKeypointCount; ++k) {
      job.visible[static_cast<std::size_t>(hand) * kKeypointCount + k] =
          is_present && is_visible(looks, job, workspace, hand, k) ? 1 : 0;
    }
  }
}

}  // namespace a2p::picture
