#include "a2p/skin_vertex.h"
#include "cuda/carver.cuh"
#include "cuda/dynamic_shared.cuh"
#include "cuda/skinning.cuh"
#include "cuda/warp.cuh"

namespace a2p::cuda {
namespace {

constexpr unsigned kThreads = 256;
constexpr int kHalves = kThreads / kHalfWarp;
constexpr int kWarps = kThreads / kWarp;
static_assert(SkinningLanes::kCount == kHalfWarp && kJointCount <= kWarp);

__device__ bool are_finite(const float* values, int count) {
  bool all = true;
  for (int i = 0; i < count; ++i) all = all && isfinite(values[i]);
  return all;
}

// Turns parameters into joint transforms. A warp a hand; grid: x over hands, y over the two batches.
__global__ void __launch_bounds__(kThreads) pose(HandBatch right, HandBatch left, std::int64_t count) {
  const HandBatch& batch = blockIdx.y == 0 ? right : left;
  const std::int64_t hand = std::int64_t{blockIdx.x} * kWarps + threadIdx.x / kWarp;
  if (hand >= count) return;  // the whole warp
  const HandParametersView<const float> own = parameters_at(batch.parameters, hand);
  PoseState& state = batch.states[hand];
  const int joint = lane_index();
  bool is_finite = true;
  if (joint < kJointCount) {
    const float* rotvec = joint == 0 ? own.global_orient : own.hand_pose + 3 * (joint - 1);
    is_finite = are_finite(rotvec, 3) && are_finite(own.betas, kBetaCount) && are_finite(own.transl, 3);
    start_joint(batch.model.joints, vec3_at(rotvec), own.betas, joint, state);
  }
  const bool all_finite = __ballot_sync(kAllLanes, !is_finite) == 0;
  __syncwarp();  // a vote alone does not make memory visible
  if (joint == 0) {
    batch.is_finite[hand] = all_finite ? 1 : 0;
    chain_joints(batch.model.joints.parents, state.chain);
  }
  __syncwarp();
  if (joint < kJointCount) finish_joint(vec3_at(own.transl), joint, state);
}

// Poses every vertex. Half a warp takes a block of one hand. Grid: x over the model's blocks, y over hands, z over the
// two batches.
__global__ void __launch_bounds__(kThreads) skin_blocks(HandBatch right, HandBatch left, std::int64_t count) {
  const HandBatch& batch = blockIdx.z == 0 ? right : left;
  const auto index = static_cast<std::int32_t>(blockIdx.x);
  const std::int64_t hand = std::int64_t{blockIdx.y} * kHalves + threadIdx.x / kHalfWarp;
  const int lane = static_cast<int>(threadIdx.x) % kHalfWarp;
  if (index >= batch.model.block_count || hand >= count) return;
  const SkinningBlock& block = batch.model.blocks[index];
  if (lane >= block.vertex_count) return;
  const PoseState& state = batch.states[hand];
  const BlockColumns columns = columns_of(block, batch.model.lanes);
  const float* betas = parameters_at(batch.parameters, hand).betas;
  const Vec3<float> rest = deform_vertex(block, columns, lane, betas, state.pose_feature);
  const Vec3<float> posed = transform_point(blend_transforms(block, columns, lane, state.transforms), rest);
  float* vertex = batch.vertices + 3 * (hand * batch.model.vertex_count + block.vertices[lane]);
  vertex[0] = posed.x;
  vertex[1] = posed.y;
  vertex[2] = posed.z;
}

// What the vertices of a hand say about its betas, pose features and joint transforms.
struct Sums {
  float betas[kBetaCount];
  float pose_feature[kPoseFeatureCount];
  JointTransform transforms[kJointCount];
};
constexpr int kSumCount = sizeof(Sums) / sizeof(float);
static_assert(kSumCount == kBetaCount + kPoseFeatureCount + 12 * kJointCount);

// The shared memory of `skin_blocks_vjp`.
struct GradientSpace {
  __host__ __device__ explicit GradientSpace(Carver& carver)
      : halves(carver.take<Sums>(kHalves)),
        chain(carver.take<JointChainGradient<float>>(1)),
        d_betas(carver.take<float>(kJointCount * kBetaCount)) {}

  Sums* halves;  // the first becomes the total
  JointChainGradient<float>* chain;
  float* d_betas;  // (16, 10) through each joint's rest position
};

// Adds the sum of `value` over the half warp to `sum`; its lanes take turns, told by `turn`.
__device__ __forceinline__ void add_sum(float value, int turn, float& sum) {
  const float total = sum_over_half(value);
  if (lane_index() % kHalfWarp == turn % kHalfWarp) sum += total;
}

// Adds what one block says. Every lane of the half warp takes part; lanes without a vertex bring zero.
__device__ void add_block(const HandBatch& batch, std::int64_t hand, const SkinningBlock& block,
                          const Vec3<float>& d_posed, Sums& sums) {
  const PoseState& state = batch.states[hand];
  const int lane = lane_index() % kHalfWarp;
  const BlockColumns columns = columns_of(block, batch.model.lanes);
  const Vec3<float> rest =
      deform_vertex(block, columns, lane, parameters_at(batch.parameters, hand).betas, state.pose_feature);
  const Vec3<float> d_rest = transform_point_vjp(blend_transforms(block, columns, lane, state.transforms), d_posed);
  const float factors[4] = {rest.x, rest.y, rest.z, 1};
  const float d_rows[3] = {d_posed.x, d_posed.y, d_posed.z};
  for (int slot = 0; slot < block.skin_joint_count; ++slot) {
    JointTransform& d_transform = sums.transforms[block.skin_joints[slot]];
    const float weight = columns.weights[slot].lane[lane];
#pragma unroll
    for (int i = 0; i < 12; ++i) add_sum(weight * d_rows[i / 4] * factors[i % 4], i, d_transform.rows[i / 4][i % 4]);
  }
  for (int beta = 0; beta < kBetaCount; ++beta) {
    add_sum(dot(column_at(columns.shape + 3 * beta, lane), d_rest), beta, sums.betas[beta]);
  }
  for (int slot = 0; slot < block.pose_joint_count; ++slot) {
    float* d_feature = sums.pose_feature + 9 * block.pose_joints[slot];
    for (int entry = 0; entry < 9; ++entry) {
      add_sum(dot(column_at(columns.pose + 27 * slot + 3 * entry, lane), d_rest), entry, d_feature[entry]);
    }
  }
}

// Fills the half warps' sums, each over every kHalves-th block.
__device__ void sum_blocks(const HandBatch& batch, std::int64_t hand, Sums* halves) {
  const int half = static_cast<int>(threadIdx.x) / kHalfWarp, lane = lane_index() % kHalfWarp;
  float* values = reinterpret_cast<float*>(halves);
  for (int i = static_cast<int>(threadIdx.x); i < kHalves * kSumCount; i += static_cast<int>(kThreads)) values[i] = 0;
  __syncthreads();
  for (std::int32_t index = half; index < batch.model.block_count; index += kHalves) {
    const SkinningBlock& block = batch.model.blocks[index];
    Vec3<float> d_posed{};
    if (lane < block.vertex_count) {
      d_posed = vec3_at(batch.gradient + 3 * (hand * batch.model.vertex_count + block.vertices[lane]));
    }
    const bool is_zero = d_posed.x == 0 && d_posed.y == 0 && d_posed.z == 0;  // as most are
    if (__ballot_sync(half_mask(), !is_zero) != 0) add_block(batch, hand, block, d_posed, halves[half]);
    __syncwarp(half_mask());
  }
  __syncthreads();
  for (int i = static_cast<int>(threadIdx.x); i < kSumCount; i += static_cast<int>(kThreads)) {
    float total = values[i];
    for (int other = 1; other < kHalves; ++other) total += values[other * kSumCount + i];
    values[i] = total;
  }
  __syncthreads();
}

// Carries the sums on to the parameters. `factor` is 1, or NaN where the pair has no answer.
__device__ void sums_to_parameters(const HandBatch& batch, std::int64_t hand, const GradientSpace& space, float factor,
                                   const HandParametersView<float>& d_parameters) {
  const PoseState& state = batch.states[hand];
  const int joint = static_cast<int>(threadIdx.x);
  const Sums& sums = space.halves[0];
  if (joint < kJointCount) {
    finish_joint_vjp(state, sums.transforms[joint], sums.pose_feature, joint, *space.chain);
  }
  __syncthreads();
  if (joint == 0) {
    Vec3<float> d_transl{};
    for (int i = 0; i < kJointCount; ++i) d_transl += space.chain->positions[i];
    store_vec3(factor * d_transl, d_parameters.transl);
    chain_joints_vjp(batch.model.joints.parents, state.chain, *space.chain);
  }
  __syncthreads();
  if (joint < kJointCount) {
    const Vec3<float> d_rotvec = rotmat_from_rotvec_vjp(state.rotvecs[joint], space.chain->local[joint]);
    store_vec3(factor * d_rotvec, joint == 0 ? d_parameters.global_orient : d_parameters.hand_pose + 3 * (joint - 1));
  }
  const int beta = static_cast<int>(threadIdx.x) - kWarp;
  if (beta < 0 || beta >= kBetaCount) return;
  float total = sums.betas[beta];
  for (int other = 0; other < kJointCount; ++other) {
    total += dot(rest_direction(batch.model.joints, other, beta), space.chain->rest[other]);
  }
  d_parameters.betas[beta] = factor * total;
}

// Carries the gradient of the vertices back to the parameters. Grid: x over hands, y over the two batches.
__global__ void __launch_bounds__(kThreads)
    skin_blocks_vjp(HandBatch right, HandBatch left, HandParametersView<float> d_right,
                    HandParametersView<float> d_left,
                    double* __restrict__ loss) {  // (count)
  const bool is_right = blockIdx.y == 0;
  const HandBatch& batch = is_right ? right : left;
  const std::int64_t hand = blockIdx.x;
  Carver shared(dynamic_shared());
  const GradientSpace space(shared);
  const bool is_finite = right.is_finite[hand] != 0 && left.is_finite[hand] != 0;
  const float factor = is_finite ? 1.0F : nanf("");
  sum_blocks(batch, hand, space.halves);
  sums_to_parameters(batch, hand, space, factor, parameters_at(is_right ? d_right : d_left, hand));
  if (is_right && threadIdx.x == 0 && !is_finite) loss[hand] = factor;
}

unsigned blocks_for(std::int64_t items, std::int64_t per_block) {
  return static_cast<unsigned>((items + per_block - 1) / per_block);
}

}  // namespace

Status skin_hands(const HandBatch& right, const HandBatch& left, std::int64_t count, cudaStream_t stream) noexcept {
  const Status status =
      launch("kernel pose", {dim3(blocks_for(count, kWarps), 2), kThreads, stream}, pose, right, left, count);
  if (!status.ok()) return status;
  const std::int32_t most =
      right.model.block_count > left.model.block_count ? right.model.block_count : left.model.block_count;
  const dim3 blocks(static_cast<unsigned>(most), blocks_for(count, kHalves), 2);
  return launch("kernel skin_blocks", {blocks, kThreads, stream}, skin_blocks, right, left, count);
}

Status skin_hands_vjp(const HandBatch& right, const HandBatch& left, std::int64_t count,
                      const HandParametersView<float>& d_right, const HandParametersView<float>& d_left, double* loss,
                      cudaStream_t stream) noexcept {
  Carver shared(nullptr);
  GradientSpace space(shared);
  return launch("kernel skin_blocks_vjp", {dim3(static_cast<unsigned>(count), 2), kThreads, stream, shared.bytes()},
                skin_blocks_vjp, right, left, d_right, d_left, loss);
}

}  // namespace a2p::cuda
