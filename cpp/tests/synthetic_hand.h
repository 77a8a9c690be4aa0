// A hand model and poses made of random numbers, and the surface of a box for its vertices.
#pragma once
#include <random>
#include <vector>

#include "a2p/skinning.h"
#include "a2p/topology.h"

namespace a2p::tests {

// A closed box of `side` x `side` cells on each of its six faces, 0.1 m wide, skinned to a chain of five fingers.
struct SyntheticHand {
  explicit SyntheticHand(int side, unsigned seed = 1);

  std::int64_t vertex_count() const { return static_cast<std::int64_t>(v_template.size() / 3); }
  SkinningModel model() const {
    return SkinningModel({v_template, shapedirs, posedirs, joint_template, joint_shapedirs, weights, parents});
  }
  Topology topology() const;

  std::vector<float> v_template, shapedirs, posedirs, joint_template, joint_shapedirs, weights;
  std::vector<std::int32_t> parents;
  std::vector<Vec3<std::int32_t>> faces;
};

// The parameters of `count` hands, or gradients for them.
struct Parameters {
  explicit Parameters(std::int64_t count)
      : global_orient(3 * count), hand_pose(45 * count), betas(10 * count), transl(3 * count) {}
  Parameters(std::int64_t count, unsigned seed);

  HandParametersView<const float> view() const {
    return {global_orient.data(), hand_pose.data(), betas.data(), transl.data()};
  }
  HandParametersView<float> writable() { return {global_orient.data(), hand_pose.data(), betas.data(), transl.data()}; }
  bool operator==(const Parameters&) const = default;

  std::vector<float> global_orient, hand_pose, betas, transl;
};

inline std::vector<float> normal_floats(std::size_t count, float scale, std::mt19937& random) {
  std::normal_distribution<float> normal(0.0F, scale);
  std::vector<float> values(count);
  for (float& value : values) value = normal(random);
  return values;
}

inline Parameters::Parameters(std::int64_t count, unsigned seed) {
  std::mt19937 random(seed);
  const auto hands = static_cast<std::size_t>(count);
  global_orient = normal_floats(3 * hands, 0.5F, random);
  hand_pose = normal_floats(45 * hands, 0.2F, random);
  betas = normal_floats(10 * hands, 1.0F, random);
  transl = normal_floats(3 * hands, 0.03F, random);
}

inline SyntheticHand::SyntheticHand(int side, unsigned seed) : parents{-1} {
  // Vertices of the cube's surface grid, each once.
  const int width = side + 1;
  std::vector<std::int32_t> number(static_cast<std::size_t>(width * width * width), -1);
  const auto vertex = [&](int x, int y, int z) {
    std::int32_t& index = number[static_cast<std::size_t>((x * width + y) * width + z)];
    if (index < 0) {
      index = static_cast<std::int32_t>(v_template.size() / 3);
      for (const int c : {x, y, z})
        v_template.push_back(0.1F * static_cast<float>(c) / static_cast<float>(side) - 0.05F);
    }
    return index;
  };
  const auto quad = [&](std::int32_t a, std::int32_t b, std::int32_t c, std::int32_t d) {
    faces.push_back({a, b, c});
    faces.push_back({a, c, d});
  };
  for (int i = 0; i < side; ++i) {
    for (int j = 0; j < side; ++j) {
      quad(vertex(i, j, 0), vertex(i, j + 1, 0), vertex(i + 1, j + 1, 0), vertex(i + 1, j, 0));
      quad(vertex(i, j, side), vertex(i + 1, j, side), vertex(i + 1, j + 1, side), vertex(i, j + 1, side));
      quad(vertex(i, 0, j), vertex(i + 1, 0, j), vertex(i + 1, 0, j + 1), vertex(i, 0, j + 1));
      quad(vertex(i, side, j), vertex(i, side, j + 1), vertex(i + 1, side, j + 1), vertex(i + 1, side, j));
      quad(vertex(0, i, j), vertex(0, i, j + 1), vertex(0, i + 1, j + 1), vertex(0, i + 1, j));
      quad(vertex(side, i, j), vertex(side, i + 1, j), vertex(side, i + 1, j + 1), vertex(side, i, j + 1));
    }
  }
  std::mt19937 random(seed);
  const auto count = v_template.size() / 3;
  shapedirs = normal_floats(30 * count, 1e-3F, random);
  posedirs = normal_floats(405 * count, 2e-4F, random);
  joint_template = normal_floats(48, 0.02F, random);
  joint_shapedirs = normal_floats(480, 1e-3F, random);
  for (int joint = 1; joint < kJointCount; ++joint) parents.push_back(joint % 3 == 1 ? 0 : joint - 1);
  weights.assign(16 * count, 0.0F);
  std::uniform_int_distribution<int> any_joint(0, kJointCount - 1);
  for (std::size_t i = 0; i < count; ++i) {
    weights[16 * i + static_cast<std::size_t>(any_joint(random))] += 0.25F;
    weights[16 * i] += 0.75F;
  }
}

inline Topology SyntheticHand::topology() const {
  std::vector<Vec3<float>> points;
  for (std::size_t i = 0; i < v_template.size(); i += 3) {
    points.push_back({v_template[i], v_template[i + 1], v_template[i + 2]});
  }
  std::vector<std::uint8_t> is_cap(faces.size(), 0);
  return Topology(faces, {reinterpret_cast<const bool*>(is_cap.data()), is_cap.size()}, points);
}

}  // namespace a2p::tests
