// Rotations and the chain of joints of one hand, forward and backward.
#pragma once
#include <cmath>
#include <cstdint>

#include "a2p/hand_sizes.h"
#include "a2p/vec3.h"

namespace a2p {

// What Rodrigues' formula and its derivative are made of, as functions of s = angle^2; smooth at zero.
template <typename T>
struct RotationTerms {
  T cosine;         // cos(angle)
  T sine_over;      // sin(angle) / angle
  T versine_over;   // (1 - cos(angle)) / angle^2
  T sine_slope;     // d sine_over / ds
  T versine_slope;  // d versine_over / ds
};

template <typename T>
A2P_HD RotationTerms<T> rotation_terms(T s) noexcept {
  // Below this the closed forms of the slopes lose digits. There the series' first dropped terms are below 1e-13.
  constexpr T kSeriesBound = 2;
  if (s >= kSeriesBound) {
    const T angle = std::sqrt(s);
    const T cosine = std::cos(angle);
    const T sine_over = std::sin(angle) / angle;
    const T versine_over = (1 - cosine) / s;
    return {cosine, sine_over, versine_over, (cosine - sine_over) / (2 * s), (sine_over / 2 - versine_over) / s};
  }
  // (-1)^k / (2k + 1)! and (-1)^k / (2k + 2)!
  constexpr T kSine[] = {T(1.0),
                         T(-1.0 / 6.0),
                         T(1.0 / 120.0),
                         T(-1.0 / 5040.0),
                         T(1.0 / 362880.0),
                         T(-1.0 / 39916800.0),
                         T(1.0 / 6227020800.0),
                         T(-1.0 / 1307674368000.0),
                         T(1.0 / 355687428096000.0)};
  constexpr T kVersine[] = {T(1.0 / 2.0),
                            T(-1.0 / 24.0),
                            T(1.0 / 720.0),
                            T(-1.0 / 40320.0),
                            T(1.0 / 3628800.0),
                            T(-1.0 / 479001600.0),
                            T(1.0 / 87178291200.0),
                            T(-1.0 / 20922789888000.0),
                            T(1.0 / 6402373705728000.0)};
  T sine_over = 0, versine_over = 0, sine_slope = 0, versine_slope = 0;
  for (int k = 8; k >= 0; --k) {  // Horner, with the derivative carried along
    sine_slope = sine_slope * s + sine_over;
    sine_over = sine_over * s + kSine[k];
    versine_slope = versine_slope * s + versine_over;
    versine_over = versine_over * s + kVersine[k];
  }
  return {1 - versine_over * s, sine_over, versine_over, sine_slope, versine_slope};
}

// Returns the rotation about `rotvec` by its length (rad): Rodrigues' formula.
template <typename T>
A2P_HD Mat3<T> rotmat_from_rotvec(const Vec3<T>& rotvec) noexcept {
  const RotationTerms<T> terms = rotation_terms(dot(rotvec, rotvec));
  const Vec3<T> a = terms.sine_over * rotvec;
  Mat3<T> rotmat = outer(terms.versine_over * rotvec, rotvec);
  rotmat += Mat3<T>{{{terms.cosine, -a.z, a.y}, {a.z, terms.cosine, -a.x}, {-a.y, a.x, terms.cosine}}};
  return rotmat;
}

// Returns d loss / d rotvec, given d loss / d rotmat_from_rotvec(rotvec) for every entry.
template <typename T>
A2P_HD Vec3<T> rotmat_from_rotvec_vjp(const Vec3<T>& rotvec, const Mat3<T>& d_rotmat) noexcept {
  const RotationTerms<T> terms = rotation_terms(dot(rotvec, rotvec));
  const Vec3<T>& r0 = d_rotmat.rows[0];
  const Vec3<T>& r1 = d_rotmat.rows[1];
  const Vec3<T>& r2 = d_rotmat.rows[2];
  const Vec3<T> axial{r2.y - r1.z, r0.z - r2.x, r1.x - r0.y};
  const Vec3<T> right = d_rotmat * rotvec;
  const Vec3<T> left = transpose(d_rotmat) * rotvec;
  const T d_s = -terms.sine_over / 2 * (r0.x + r1.y + r2.z) + terms.sine_slope * dot(rotvec, axial) +
                terms.versine_slope * dot(rotvec, right);
  return T(2) * d_s * rotvec + terms.sine_over * axial + terms.versine_over * (left + right);
}

// Where the joints of one hand are: x -> rotmats[j] * (x - rest[j]) + positions[j] is the motion of joint j.
template <typename T>
struct JointChain {
  Vec3<T> rest[kJointCount];       // before posing
  Mat3<T> rotmats[kJointCount];    // to the camera frame
  Vec3<T> positions[kJointCount];  // after posing; the wrist stays at its rest position until transl is added
  Mat3<T> local[kJointCount];      // to the parent's frame
};

// Fills rotmats and positions from rest joints and local rotations.
// Requires parents[0] to be the root and parents[j] < j.
template <typename T>
A2P_HD void chain_joints(const std::int32_t* parents, JointChain<T>& chain) noexcept {
  chain.rotmats[0] = chain.local[0];
  chain.positions[0] = chain.rest[0];
  for (int joint = 1; joint < kJointCount; ++joint) {
    const std::int32_t parent = parents[joint];
    chain.rotmats[joint] = chain.rotmats[parent] * chain.local[joint];
    chain.positions[joint] = chain.rotmats[parent] * (chain.rest[joint] - chain.rest[parent]) + chain.positions[parent];
  }
}

// Fills `chain` from rest joints in chain.rest and one axis-angle a joint.
template <typename T>
A2P_HD void pose_chain(const Vec3<T>* rotvecs, const std::int32_t* parents, JointChain<T>& chain) noexcept {
  for (int joint = 0; joint < kJointCount; ++joint) chain.local[joint] = rotmat_from_rotvec(rotvecs[joint]);
  chain_joints(parents, chain);
}

// The same shape as JointChain, holding d loss / d of each of its members.
template <typename T>
struct JointChainGradient {
  Vec3<T> rest[kJointCount];
  Mat3<T> rotmats[kJointCount];
  Vec3<T> positions[kJointCount];
  Mat3<T> local[kJointCount];
};

// Carries the gradient of rotmats and positions on to rest and local. Adds to `rest`, and to `local` what its owner
// put there (pose blend shapes read the local rotations).
template <typename T>
A2P_HD void chain_joints_vjp(const std::int32_t* parents, const JointChain<T>& chain,
                             JointChainGradient<T>& gradient) noexcept {
  for (int joint = kJointCount - 1; joint > 0; --joint) {
    const std::int32_t parent = parents[joint];
    const Mat3<T>& to_parent = chain.rotmats[parent];
    const Vec3<T> d_bone = transpose(to_parent) * gradient.positions[joint];
    gradient.rest[joint] += d_bone;
    gradient.rest[parent] -= d_bone;
    gradient.positions[parent] += gradient.positions[joint];
    gradient.rotmats[parent] += outer(gradient.positions[joint], chain.rest[joint] - chain.rest[parent]);
    gradient.rotmats[parent] += gradient.rotmats[joint] * transpose(chain.local[joint]);
    gradient.local[joint] += transpose(to_parent) * gradient.rotmats[joint];
  }
  gradient.rest[0] += gradient.positions[0];
  gradient.local[0] += gradient.rotmats[0];
}

// The same, and on to rotvecs; overwrites `d_rotvecs`.
template <typename T>
A2P_HD void pose_chain_vjp(const Vec3<T>* rotvecs, const std::int32_t* parents, const JointChain<T>& chain,
                           JointChainGradient<T>& gradient, Vec3<T>* d_rotvecs) noexcept {
  chain_joints_vjp(parents, chain, gradient);
  for (int joint = 0; joint < kJointCount; ++joint) {
    d_rotvecs[joint] = rotmat_from_rotvec_vjp(rotvecs[joint], gradient.local[joint]);
  }
}

}  // namespace a2p
