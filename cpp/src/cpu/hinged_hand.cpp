#include "a2p/hinged_hand.h"

#include <algorithm>
#include <cmath>

#include "a2p/kinematics.h"

namespace a2p {
namespace {

// A position and its derivatives by the betas.
struct Shaped {
  double rows[3][kShapeCount];

  Vec3<double> position() const noexcept { return {rows[0][0], rows[1][0], rows[2][0]}; }
};

// All that moves with one state, joint by joint; joint 0 is the wrist.
struct Chain {
  Mat3<double> rotmats[kJointCount];  // to the camera frame
  Shaped places[kJointCount];
  Vec3<double> hinge_axes[kHingeCount];  // camera frame
};

int parent_of(int joint) noexcept { return joint % 3 == 1 ? 0 : joint - 1; }

// Returns the rotation about `axis` by an angle of this sine and 1 - cosine: I + sin K + (1 - cos) K^2.
Mat3<double> turn(const Vec3<double>& axis, double sine, double versine) noexcept {
  const Vec3<double> a = sine * axis;
  const double diagonal = 1 - versine * dot(axis, axis);
  Mat3<double> rotmat = outer(versine * axis, axis);
  rotmat += Mat3<double>{{{diagonal, -a.z, a.y}, {a.z, diagonal, -a.x}, {-a.y, a.x, diagonal}}};
  return rotmat;
}

// Returns base + rotmat [offset betas, the offset's derivatives], for an offset (3, kShapeCount).
Shaped carried(const Shaped& base, const Mat3<double>& rotmat, const double* offset, const double* betas) noexcept {
  double arm[3][kShapeCount];
  for (int axis = 0; axis < 3; ++axis) {
    const double* row = offset + kShapeCount * axis;
    double length = row[0];
    for (int beta = 0; beta < kBetaCount; ++beta) length += row[1 + beta] * betas[beta];
    arm[axis][0] = length;
    std::copy(row + 1, row + kShapeCount, arm[axis] + 1);
  }
  Shaped result;
  for (int axis = 0; axis < 3; ++axis) {
    const Vec3<double>& r = rotmat.rows[axis];
    for (int k = 0; k < kShapeCount; ++k) {
      result.rows[axis][k] = base.rows[axis][k] + (r.x * arm[0][k] + r.y * arm[1][k] + r.z * arm[2][k]);
    }
  }
  return result;
}

void pose_joint(const HingedHandView& hand, const HandUnknowns& state, const double* sines, const double* versines,
                int joint, Chain& chain, Mat3<double>& local) noexcept {
  const int finger = joint - 1, parent = parent_of(joint);
  const Vec3<double>* axes = hand.axes + 3 * finger;
  const Mat3<double>& to_camera = chain.rotmats[parent];
  const int hinge = 3 * finger;
  const Mat3<double> first = turn(axes[0], sines[hinge], versines[hinge]);
  const Mat3<double> second = first * turn(axes[1], sines[hinge + 1], versines[hinge + 1]);
  local = second * (turn(axes[2], sines[hinge + 2], versines[hinge + 2]) * hand.at_rest[finger]);
  chain.hinge_axes[hinge] = to_camera * axes[0];
  chain.hinge_axes[hinge + 1] = to_camera * (first * axes[1]);
  chain.hinge_axes[hinge + 2] = to_camera * (second * axes[2]);
  chain.places[joint] = carried(chain.places[parent], to_camera, hand.bones + 3 * kShapeCount * finger, state.betas);
  chain.rotmats[joint] = to_camera * local;
}

void pose_chain(const HingedHandView& hand, const HandUnknowns& state, Chain& chain, Mat3<double>* local) noexcept {
  double sines[kHingeCount] = {}, versines[kHingeCount] = {};
  for (int i = 0; i < kAngleCount; ++i) {
    sines[hand.hinges[i]] = std::sin(state.angles[i]);
    versines[hand.hinges[i]] = 1 - std::cos(state.angles[i]);
  }
  const double depth = std::exp(state.root[2]);
  chain.rotmats[0] = state.orient;
  chain.places[0] = {};
  chain.places[0].rows[0][0] = state.root[0] * depth;
  chain.places[0].rows[1][0] = state.root[1] * depth;
  chain.places[0].rows[2][0] = depth;
  for (int joint = 1; joint < kJointCount; ++joint) {
    pose_joint(hand, state, sines, versines, joint, chain, local[joint - 1]);
  }
}

using Rows = double[3][PosedRiders::kStride];

void set_column(Rows& rows, int column, const Vec3<double>& value) noexcept {
  rows[0][column] = value.x;
  rows[1][column] = value.y;
  rows[2][column] = value.z;
}

// Writes the derivatives by the global rotation, the root and every angle. A hinge turns everything beyond its joint
// about its axis: the derivative is the cross product of the axis with the lever (Craig, Introduction to Robotics,
// sec. 5.4).
void differentiate(const HingedHandView& hand, const Chain& chain, int joint, const Vec3<double>& point,
                   Rows& rows) noexcept {
  const Vec3<double> wrist = chain.places[0].position(), lever = point - wrist;
  set_column(rows, kRotationColumn, {0, -lever.z, lever.y});
  set_column(rows, kRotationColumn + 1, {lever.z, 0, -lever.x});
  set_column(rows, kRotationColumn + 2, {-lever.y, lever.x, 0});
  set_column(rows, kRootColumn, {wrist.z, 0, 0});
  set_column(rows, kRootColumn + 1, {0, wrist.z, 0});
  set_column(rows, kRootColumn + 2, wrist);
  for (int i = 0; i < kAngleCount; ++i) {
    const int hinge = static_cast<int>(hand.hinges[i]), hinge_joint = 1 + hinge / 3;
    const bool moves = joint >= hinge_joint && (joint - 1) / 3 == (hinge_joint - 1) / 3;
    set_column(rows, kAngleColumn + i,
               moves ? cross(chain.hinge_axes[hinge], point - chain.places[hinge_joint].position()) : Vec3<double>{});
  }
}

}  // namespace

void move(HandUnknowns& state, const double* step) noexcept {
  state.orient = rotmat_from_rotvec(Vec3<double>{step[0], step[1], step[2]}) * state.orient;
  for (int i = 0; i < 3; ++i) state.root[i] += step[kRootColumn + i];
  for (int i = 0; i < kAngleCount; ++i) state.angles[i] += step[kAngleColumn + i];
  for (int i = 0; i < kBetaCount; ++i) state.betas[i] += step[kBetaColumn + i];
}

void pose_riders(const HingedHandView& hand, const HandUnknowns& state, PosedRiders& posed) noexcept {
  Chain chain;
  pose_chain(hand, state, chain, posed.local);
  for (int rider = 0; rider < kRiderCount; ++rider) {
    const int joint = static_cast<int>(hand.arm_joint[rider]);
    const Shaped place =
        carried(chain.places[joint], chain.rotmats[joint], hand.arms + 3 * kShapeCount * rider, state.betas);
    posed.points[rider] = place.position();
    differentiate(hand, chain, joint, posed.points[rider], posed.jacobian[rider]);
    for (int axis = 0; axis < 3; ++axis) {
      std::copy(place.rows[axis] + 1, place.rows[axis] + kShapeCount, posed.jacobian[rider][axis] + kBetaColumn);
    }
  }
}

}  // namespace a2p
