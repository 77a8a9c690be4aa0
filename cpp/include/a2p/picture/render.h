// Training pictures of hands with their labels: triangles, light, background, lens and file in one pass.
#pragma once
#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "a2p/picture/scene.h"
#include "a2p/vec3.h"

namespace a2p::picture {

using Point = Vec3<float>;

inline constexpr int kKeypointCount = 21;
inline constexpr int kJointCount = 16;
inline constexpr int kMaxSide = 1024;  // px

// What a pixel belongs to.
enum Label : std::uint8_t { kNothing = 0, kRightHand, kLeftHand, kRightForearm, kLeftForearm, kObject };

// What does not change from picture to picture: one side of a hand model, as the renderer needs it.
struct HandLook {
  std::vector<std::array<std::int32_t, 3>> faces;           // skin, without what closes the wrist
  std::vector<std::int32_t> wrist_loop;                     // in the direction of the skin's own edges
  std::vector<Point> rest;                                  // m; a left hand's are mirrored into a right hand's frame
  std::vector<float> palmar;                                // 0 on the hand's back, 1 on the palm
  std::vector<float> relief;                                // what tendons and knuckles stand out, largest 1
  std::vector<std::uint8_t> joint;                          // the joint that moves each vertex most
  std::array<Point, 10> ring_bones;                         // rest ends of the proximal phalanges, thumb to pinky
  std::array<std::vector<float>, kJointCount> other_bones;  // of each joint: 1 at vertices that it does not border on
};

// Fills `other_bones` from `joint`.
void set_other_bones(HandLook& look);

// Details of skin over the rest pose, seen from the palm's side: x and z of the rest position span the map.
// Four channels a texel: redness, creases, veins, nail; the palm's map follows the back's.
struct SkinMap {
  std::int32_t side = 0;
  float x = 0, z = 0, texels_per_metre = 1;
  std::vector<std::array<float, 4>> texels;  // 2 * side * side
};

struct Photo {
  std::int32_t width = 0, height = 0;
  std::vector<std::uint8_t> rgb;
};

struct Looks {
  std::array<HandLook, 2> hands;  // right, left
  std::vector<SkinMap> skin;      // each level half as fine as the one before
  std::vector<Photo> photos;
};

// One picture to make. Positions are in the camera frame (m).
struct Job {
  const Scene* scene;
  std::uint32_t seed;                               // of the sensor's noise
  std::array<std::span<const Point>, 2> vertices;   // right, left; ignored where that hand is not present
  std::array<std::span<const Point>, 2> joints;     // 16 each
  std::array<std::span<const Point>, 2> keypoints;  // 21 each
  std::span<std::uint8_t> rgb;                      // height * width * 3
  std::span<std::uint8_t> label;                    // what most of each pixel's samples see
  std::span<float> depth;                           // m, mean over that label; infinite where nothing is
  std::span<std::uint8_t> visible;                  // 2 * 21: 1 where the camera sees the skin around a keypoint
};

// Milliseconds of processor time that stages took, summed over pictures and threads.
struct StageTimes {
  double geometry = 0, visibility = 0, shadow = 0, background = 0, shading = 0, optics = 0, labels = 0;
};

// Makes every job's picture of width x height px. Pixels hold four samples each of what is seen; light is computed once
// for each surface in a pixel. The result depends on the job alone: not on the other jobs, nor on `threads` (0: the
// default). Requires finite positions and parameters, sides in [8, kMaxSide], a photo index below the number of photos.
StageTimes render(const Looks& looks, std::span<const Job> jobs, std::int32_t width, std::int32_t height,
                  std::int32_t threads);

}  // namespace a2p::picture
