// The fixed sizes of every hand model.
#pragma once

namespace a2p {

inline constexpr int kJointCount = 16;  // wrist, then three for each finger
inline constexpr int kBetaCount = 10;
inline constexpr int kPoseFeatureCount = 9 * (kJointCount - 1);

}  // namespace a2p
