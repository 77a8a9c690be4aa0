// The part of skinning that visits every vertex, once per instruction set. See a2p/skinning_blocks.h for the layout.
#pragma once
#include <cstdint>

#include "a2p/skinning_blocks.h"

#define A2P_DECLARE_SKINNING_KERNEL(isa)                                                                          \
  namespace isa {                                                                                                 \
  void skin_blocks(const SkinningBlock* blocks, std::int64_t block_count, const SkinningLanes* lanes,             \
                   const float* betas, const float* pose_feature, const JointTransform* transforms,               \
                   SkinningLanes* rest, float* vertices) noexcept;                                                \
  void skin_blocks_vjp(const SkinningBlock* blocks, std::int64_t block_count, const SkinningLanes* lanes,         \
                       const float* betas, const float* pose_feature, const JointTransform* transforms,           \
                       const SkinningLanes* rest, const float* d_vertices, float* d_betas, float* d_pose_feature, \
                       JointTransform* d_transforms) noexcept;                                                    \
  }

namespace a2p {

// skin_blocks writes (v, 3) vertices, and unless null (block, 3) `rest`: x, y and z before skinning, which
// skin_blocks_vjp computes again where it is null. skin_blocks_vjp overwrites d_betas (10), d_pose_feature (135) and
// d_transforms (16), given d loss / d vertices. Lanes are aligned to 64 bytes. Neither allocates.
A2P_DECLARE_SKINNING_KERNEL(portable)
A2P_DECLARE_SKINNING_KERNEL(neon)
A2P_DECLARE_SKINNING_KERNEL(avx2)
A2P_DECLARE_SKINNING_KERNEL(avx512)

}  // namespace a2p

#undef A2P_DECLARE_SKINNING_KERNEL
