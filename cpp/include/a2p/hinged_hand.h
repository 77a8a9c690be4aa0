// A hand as a chain of hinges, with points that ride on its joints and their exact derivatives.
#pragma once
#include <cstdint>

#include "a2p/hand_sizes.h"
#include "a2p/vec3.h"

namespace a2p {

inline constexpr int kFingerJointCount = kJointCount - 1;
inline constexpr int kAngleCount = 22;  // hinges that a pose drives, of three a finger joint
inline constexpr int kHingeCount = 3 * kFingerJointCount;
inline constexpr int kRiderCount = 42;              // two conventions of 21 keypoints, one after the other
inline constexpr int kShapeCount = 1 + kBetaCount;  // a vector at zero betas, then its change a unit of each beta

// The unknowns, in the order of a derivative's columns.
inline constexpr int kRotationColumn = 0;  // a small rotation (rad, camera axes) applied after the orientation
inline constexpr int kRootColumn = 3;      // the wrist's x/z, y/z and log z
inline constexpr int kAngleColumn = 6;
inline constexpr int kBetaColumn = kAngleColumn + kAngleCount;
inline constexpr int kUnknownCount = kBetaColumn + kBetaCount;

// The geometry of one hand at rest. Bones and arms are 3 x kShapeCount matrices by rows.
struct HingedHandView {
  const double* bones;            // (15, 3, 11) from each finger joint's parent to the joint, m
  const double* arms;             // (42, 3, 11) from the joint that a point rides on to the point, m
  const Vec3<double>* axes;       // (15, 3) hinge axes in the parent's rest frame, the outermost first
  const Mat3<double>* at_rest;    // (15) the finger joints' rotations where all angles are zero
  const std::int64_t* arm_joint;  // (42) the joint that a point rides on
  const std::int64_t* hinges;     // (22) the hinge of each angle: 3 * finger joint + axis
};

// The unknowns of one hand.
struct HandUnknowns {
  Mat3<double> orient;
  double root[3];  // the wrist's x/z, y/z and log z (z in m)
  double angles[kAngleCount];
  double betas[kBetaCount];
};

// Takes a step in the unknowns' columns.
void move(HandUnknowns& state, const double* step) noexcept;

// Riding points (m, camera frame) and their derivatives.
struct PosedRiders {
  static constexpr int kStride = (kUnknownCount + 7) / 8 * 8;

  Vec3<double> points[kRiderCount];
  double jacobian[kRiderCount][3][kStride];  // columns beyond kUnknownCount are not set
  Mat3<double> local[kFingerJointCount];     // the finger joints' rotations relative to their parents
};

void pose_riders(const HingedHandView& hand, const HandUnknowns& state, PosedRiders& posed) noexcept;

}  // namespace a2p
