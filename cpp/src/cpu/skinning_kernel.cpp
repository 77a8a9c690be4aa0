#include "cpu/skinning_kernel.h"

#include "cpu/simd.h"

namespace a2p::A2P_ISA_NAMESPACE {
namespace {

// One block of 16 vertices is kParts vectors.
constexpr int kParts = SkinningLanes::kCount / kLanes;

struct Points {
  Floats x[kParts], y[kParts], z[kParts];
};

[[gnu::always_inline]] inline Floats part_of(const SkinningLanes& lanes, int part) noexcept {
  return load(lanes.lane + part * kLanes);
}

// points += scale * (columns[0], columns[1], columns[2])
[[gnu::always_inline]] inline void add_column(const SkinningLanes* columns, float scale, Points& points) noexcept {
  for (int part = 0; part < kParts; ++part) {
    points.x[part] += scale * part_of(columns[0], part);
    points.y[part] += scale * part_of(columns[1], part);
    points.z[part] += scale * part_of(columns[2], part);
  }
}

// Returns the block's vertices before skinning. Two running sums hide the latency of the additions.
[[gnu::always_inline]] inline Points deform(const SkinningBlock& block, const SkinningLanes* lanes, const float* betas,
                                            const float* pose_feature) noexcept {
  const BlockColumns at = columns_of(block, lanes);
  Points even{}, odd{};
  add_column(at.shape - 3, 1.0F, even);
  for (int beta = 0; beta < kBetaCount; beta += 2) {
    add_column(at.shape + 3 * beta, betas[beta], even);
    add_column(at.shape + 3 * beta + 3, betas[beta + 1], odd);
  }
  const SkinningLanes* column = at.pose;
  for (int slot = 0; slot < block.pose_joint_count; ++slot) {
    const float* feature = pose_feature + 9 * block.pose_joints[slot];
    for (int entry = 0; entry < 8; entry += 2) {
      add_column(column, feature[entry], even);
      add_column(column + 3, feature[entry + 1], odd);
      column += 6;
    }
    add_column(column, feature[8], even);
    column += 3;
  }
  for (int part = 0; part < kParts; ++part) {
    even.x[part] += odd.x[part];
    even.y[part] += odd.y[part];
    even.z[part] += odd.z[part];
  }
  return even;
}

[[gnu::always_inline]] inline void keep(const Points& points, SkinningLanes* rows) noexcept {
  for (int part = 0; part < kParts; ++part) {
    store(rows[0].lane + part * kLanes, points.x[part]);
    store(rows[1].lane + part * kLanes, points.y[part]);
    store(rows[2].lane + part * kLanes, points.z[part]);
  }
}

[[gnu::always_inline]] inline Points kept(const SkinningLanes* rows) noexcept {
  Points points;
  for (int part = 0; part < kParts; ++part) {
    points.x[part] = part_of(rows[0], part);
    points.y[part] = part_of(rows[1], part);
    points.z[part] = part_of(rows[2], part);
  }
  return points;
}

struct BlendedTransform {
  Floats rows[3][4];
};

// Returns the weighted sum of the joints' transforms for one part of the block.
[[gnu::always_inline]] inline BlendedTransform blend(const SkinningBlock& block, const SkinningLanes* weights,
                                                     const JointTransform* transforms, int part) noexcept {
  BlendedTransform blended{};
  for (int slot = 0; slot < block.skin_joint_count; ++slot) {
    const Floats weight = part_of(weights[slot], part);
    const JointTransform& transform = transforms[block.skin_joints[slot]];
    for (int row = 0; row < 3; ++row) {
      for (int column = 0; column < 4; ++column) blended.rows[row][column] += transform.rows[row][column] * weight;
    }
  }
  return blended;
}

struct Gradients {
  SkinningLanes betas[kBetaCount];
  SkinningLanes pose_feature[kPoseFeatureCount];
  SkinningLanes transforms[kJointCount][12];
};

[[gnu::always_inline]] inline void accumulate(SkinningLanes& lanes, int part, Floats value) noexcept {
  float* memory = lanes.lane + part * kLanes;
  store(memory, load(memory) + value);
}

// Carries d loss / d (one part of the skinned block) to the transforms, and returns it for the unskinned part.
[[gnu::always_inline]] inline void unskin(const SkinningBlock& block, const SkinningLanes* weights,
                                          const JointTransform* transforms, int part, const Floats* point,
                                          const Floats* d_point, SkinningLanes (*d_transforms)[12],
                                          Floats* d_rest) noexcept {
  const BlendedTransform blended = blend(block, weights, transforms, part);
  for (int axis = 0; axis < 3; ++axis) {
    d_rest[axis] =
        blended.rows[0][axis] * d_point[0] + blended.rows[1][axis] * d_point[1] + blended.rows[2][axis] * d_point[2];
  }
  for (int slot = 0; slot < block.skin_joint_count; ++slot) {
    const Floats weight = part_of(weights[slot], part);
    SkinningLanes* d_transform = d_transforms[block.skin_joints[slot]];
    for (int row = 0; row < 3; ++row) {
      const Floats weighted = weight * d_point[row];
      for (int axis = 0; axis < 3; ++axis) accumulate(d_transform[4 * row + axis], part, weighted * point[axis]);
      accumulate(d_transform[4 * row + 3], part, weighted);
    }
  }
}

// sums[i] += lane-wise dot product of d_rest with each of `count` columns.
[[gnu::always_inline]] inline void project(const SkinningLanes* columns, int count, int part, const Floats* d_rest,
                                           SkinningLanes* sums) noexcept {
  for (int i = 0; i < count; ++i) {
    accumulate(sums[i], part,
               part_of(columns[3 * i], part) * d_rest[0] + part_of(columns[3 * i + 1], part) * d_rest[1] +
                   part_of(columns[3 * i + 2], part) * d_rest[2]);
  }
}

[[gnu::always_inline]] inline float total(const SkinningLanes& lanes) noexcept {
  Floats value = part_of(lanes, 0);
  for (int part = 1; part < kParts; ++part) value += part_of(lanes, part);
  return sum(value);
}

}  // namespace

void skin_blocks(const SkinningBlock* blocks, std::int64_t block_count, const SkinningLanes* lanes, const float* betas,
                 const float* pose_feature, const JointTransform* transforms, SkinningLanes* kept_rest,
                 float* vertices) noexcept {
  for (std::int64_t i = 0; i < block_count; ++i) {
    const SkinningBlock& block = blocks[i];
    const Points rest = deform(block, lanes, betas, pose_feature);
    if (kept_rest != nullptr) keep(rest, kept_rest + 3 * i);
    const SkinningLanes* weights = columns_of(block, lanes).weights;
    SkinningLanes skinned[3];
    for (int part = 0; part < kParts; ++part) {
      const BlendedTransform blended = blend(block, weights, transforms, part);
      for (int row = 0; row < 3; ++row) {
        const Floats* m = blended.rows[row];
        store(skinned[row].lane + part * kLanes,
              m[0] * rest.x[part] + m[1] * rest.y[part] + m[2] * rest.z[part] + m[3]);
      }
    }
    for (int lane = 0; lane < block.vertex_count; ++lane) {
      float* vertex = vertices + 3 * static_cast<std::int64_t>(block.vertices[lane]);
      for (int axis = 0; axis < 3; ++axis) vertex[axis] = skinned[axis].lane[lane];
    }
  }
}

void skin_blocks_vjp(const SkinningBlock* blocks, std::int64_t block_count, const SkinningLanes* lanes,
                     const float* betas, const float* pose_feature, const JointTransform* transforms,
                     const SkinningLanes* kept_rest, const float* d_vertices, float* d_betas, float* d_pose_feature,
                     JointTransform* d_transforms) noexcept {
  Gradients sums{};
  for (std::int64_t i = 0; i < block_count; ++i) {
    const SkinningBlock& block = blocks[i];
    SkinningLanes d_skinned[3];
    bool is_zero = true;  // as most blocks are in the gradient of penetration
    for (int lane = 0; lane < block.vertex_count; ++lane) {
      const float* d_vertex = d_vertices + 3 * static_cast<std::int64_t>(block.vertices[lane]);
      for (int axis = 0; axis < 3; ++axis) {
        d_skinned[axis].lane[lane] = d_vertex[axis];
        is_zero &= d_vertex[axis] == 0.0F;
      }
    }
    if (is_zero) continue;
    const BlockColumns at = columns_of(block, lanes);
    const Points rest = kept_rest != nullptr ? kept(kept_rest + 3 * i) : deform(block, lanes, betas, pose_feature);
    for (int part = 0; part < kParts; ++part) {
      const Floats point[3] = {rest.x[part], rest.y[part], rest.z[part]};
      const Floats d_point[3] = {part_of(d_skinned[0], part), part_of(d_skinned[1], part), part_of(d_skinned[2], part)};
      Floats d_rest[3];
      unskin(block, at.weights, transforms, part, point, d_point, sums.transforms, d_rest);
      project(at.shape, kBetaCount, part, d_rest, sums.betas);
      for (int slot = 0; slot < block.pose_joint_count; ++slot) {
        project(at.pose + 27 * slot, 9, part, d_rest, sums.pose_feature + 9 * block.pose_joints[slot]);
      }
    }
  }
  for (int beta = 0; beta < kBetaCount; ++beta) d_betas[beta] = total(sums.betas[beta]);
  for (int i = 0; i < kPoseFeatureCount; ++i) d_pose_feature[i] = total(sums.pose_feature[i]);
  for (int joint = 0; joint < kJointCount; ++joint) {
    for (int i = 0; i < 12; ++i) d_transforms[joint].rows[i / 4][i % 4] = total(sums.transforms[joint][i]);
  }
}

}  // namespace a2p::A2P_ISA_NAMESPACE
