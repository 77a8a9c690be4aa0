// The face of a posed mesh that is closest to a point. Kernel sources only.
#pragma once
#include "a2p/vec3.h"
#include "cpu/lanes.h"
#include "cpu/posed_mesh.h"
#include "cpu/refit.h"

namespace a2p::A2P_ISA_NAMESPACE {

// Rows of a cluster's frames. In its frame, an orthonormal basis at the first corner, a triangle has the corners
// (0, 0), (length, 0) and (x, y) in a plane.
enum FrameRow : int { kAxisX = 0, kAxisY = 3, kAxisZ = 6, kLength = 9, kApexX, kApexY, kSide, kPerSide2, kPerApex2 };
static_assert(kPerApex2 + 1 == kFrameRows);

// Replaces one lane's frame by that of the segment or point that a triangle without area covers.
inline void set_segment_frame(const float* corners, float* frame) {
  const auto corner = [&](int k) {
    const float* row = corners + 3 * k * kClusterSize;
    return Vec3<float>{row[0], row[kClusterSize], row[2 * kClusterSize]};
  };
  const Vec3<float> ab = corner(1) - corner(0), ac = corner(2) - corner(0), bc = corner(2) - corner(1);
  Vec3<float> along = dot(ac, ac) > dot(ab, ab) ? ac : ab;
  if (dot(bc, bc) > dot(along, along)) along = bc;
  if (dot(along, ab) < 0) along = -along;
  const float length = __builtin_sqrtf(dot(along, along));
  const Vec3<float> x = length > 0 ? (1 / length) * along : Vec3<float>{1, 0, 0};
  const Vec3<float> other = x.x * x.x < 0.5f ? Vec3<float>{1, 0, 0} : Vec3<float>{0, 1, 0};
  const Vec3<float> across = cross(x, other);
  const Vec3<float> y = (1 / __builtin_sqrtf(dot(across, across))) * across, z = cross(x, y);
  const float b = dot(ab, x), c = dot(ac, x), side = c - b;
  const float rows[kFrameRows] = {x.x,
                                  x.y,
                                  x.z,
                                  y.x,
                                  y.y,
                                  y.z,
                                  z.x,
                                  z.y,
                                  z.z,
                                  b,
                                  c,
                                  0,
                                  side,
                                  side != 0 ? 1 / (side * side) : 0,
                                  c != 0 ? 1 / (c * c) : 0};
  for (int row = 0; row < kFrameRows; ++row) frame[row * kClusterSize] = rows[row];
}

struct LaneVec3 {
  Lanes x, y, z;
};
inline LaneVec3 operator-(const LaneVec3& a, const LaneVec3& b) { return {a.x - b.x, a.y - b.y, a.z - b.z}; }
inline LaneVec3 operator*(Lanes s, const LaneVec3& a) { return {s * a.x, s * a.y, s * a.z}; }
inline Lanes dot(const LaneVec3& a, const LaneVec3& b) { return fma(a.x, b.x, fma(a.y, b.y, a.z * b.z)); }
inline LaneVec3 fnma(Lanes s, const LaneVec3& a, const LaneVec3& b) {
  return {fnma(s, a.x, b.x), fnma(s, a.y, b.y), fnma(s, a.z, b.z)};
}
inline LaneVec3 cross(const LaneVec3& a, const LaneVec3& b) {
  return {fnma(a.z, b.y, a.y * b.z), fnma(a.x, b.z, a.z * b.x), fnma(a.y, b.x, a.x * b.y)};
}
inline LaneVec3 load_rows(const float* rows) {
  return {Lanes::load(rows), Lanes::load(rows + kClusterSize), Lanes::load(rows + 2 * kClusterSize)};
}

// Writes the frames of Lanes::kWidth triangles and returns the lanes whose triangle has no area to speak of, whose
// frames are worthless.
inline std::uint32_t set_frames(const float* corners, float* frames) {
  const LaneVec3 a = load_rows(corners), ab = load_rows(corners + 3 * kClusterSize) - a,
                 ac = load_rows(corners + 6 * kClusterSize) - a;
  const Lanes one = Lanes::all(1), length = sqrt(dot(ab, ab));
  const LaneVec3 x = (one / length) * ab;
  const Lanes apex_x = dot(ac, x);
  const LaneVec3 across = fnma(apex_x, x, ac);
  const Lanes height = sqrt(dot(across, across));
  // Cancellation leaves a thin triangle's second axis askew; made orthogonal once more, the basis keeps distances.
  const LaneVec3 skew = (one / height) * across, upright = fnma(dot(skew, x), x, skew);
  const LaneVec3 y = (one / sqrt(dot(upright, upright))) * upright, z = cross(x, y);
  const Lanes apex_y = dot(ac, y), side = apex_x - length;
  const Lanes values[kFrameRows] = {x.x,
                                    x.y,
                                    x.z,
                                    y.x,
                                    y.y,
                                    y.z,
                                    z.x,
                                    z.y,
                                    z.z,
                                    length,
                                    apex_x,
                                    apex_y,
                                    side,
                                    one / fma(side, side, apex_y * apex_y),
                                    one / fma(apex_x, apex_x, apex_y * apex_y)};
  for (int row = 0; row < kFrameRows; ++row) values[row].store(frames + row * kClusterSize);
  const Lanes thin = Lanes::all(8 * kEpsilon) * sqrt(dot(ac, ac));
  constexpr std::uint32_t kAll = (1u << Lanes::kWidth) - 1;
  return kAll & ~bits((thin < height) & (Lanes::all(0) < length));
}

inline void ensure_frames(const PosedMesh& mesh, std::int32_t cluster) {
  if (mesh.has_frame[cluster] != 0) return;
  mesh.has_frame[cluster] = 1;
  const float* corners = mesh.corners + cluster * 9 * kClusterSize;
  float* frames = mesh.frames + cluster * kFrameRows * kClusterSize;
  for (int lane = 0; lane < kClusterSize; lane += Lanes::kWidth) {
    for (std::uint32_t thin = set_frames(corners + lane, frames + lane); thin != 0; thin &= thin - 1) {
      const int offset = lane + __builtin_ctz(thin);
      set_segment_frame(corners + offset, frames + offset);
    }
  }
}

// Returns the squared distances from p, given relative to the first corners, to Lanes::kWidth triangles.
inline Lanes squared_distances(const float* frames, const LaneVec3& p) {
  const auto row = [&](int index) { return Lanes::load(frames + index * kClusterSize); };
  const auto along = [&](int axis) { return dot(load_rows(frames + axis * kClusterSize), p); };
  const Lanes x = along(kAxisX), y = along(kAxisY), z = along(kAxisZ);
  const Lanes zero = Lanes::all(0), one = Lanes::all(1);
  const Lanes length = row(kLength), apex_x = row(kApexX), apex_y = row(kApexY), side = row(kSide);

  const Lanes from_base = x - min(max(x, zero), length);
  const Lanes to_base = fma(from_base, from_base, y * y);

  const Lanes beyond = x - length;
  const Lanes side_share = min(max(fma(beyond, side, y * apex_y) * row(kPerSide2), zero), one);
  const Lanes side_x = fnma(side_share, side, beyond), side_y = fnma(side_share, apex_y, y);
  const Lanes to_side = fma(side_x, side_x, side_y * side_y);

  const Lanes apex_share = min(max(fma(x, apex_x, y * apex_y) * row(kPerApex2), zero), one);
  const Lanes apex_dx = fnma(apex_share, apex_x, x), apex_dy = fnma(apex_share, apex_y, y);
  const Lanes to_apex = fma(apex_dx, apex_dx, apex_dy * apex_dy);

  const Lanes left_of_side = fnma(apex_y, beyond, side * y), right_of_apex = fnma(apex_x, y, x * apex_y);
  const LaneMask is_inside = zero < min(min(y, left_of_side), right_of_apex);
  return fma(z, z, select(is_inside, zero, min(min(to_base, to_side), to_apex)));
}

// The best face so far of one search, a candidate a lane.
struct Search {
  LaneVec3 point;
  Lanes squared = Lanes::all(__builtin_inff());
  Lanes chunk = Lanes::all(0);  // exact in a float
  float best = __builtin_inff();
};

// Whether frames are made when a chunk is first visited, or were all made before.
enum class Frames { kLazy, kReady };

template <Frames kFrames>
inline void visit(const PosedMesh& mesh, std::int32_t chunk, Search& search) {
  const std::int32_t cluster = chunk / kChunks, lane = chunk % kChunks * Lanes::kWidth;
  if (kFrames == Frames::kLazy) ensure_frames(mesh, cluster);
  const LaneVec3 p = search.point - load_rows(mesh.corners + cluster * 9 * kClusterSize + lane);
  const Lanes squared = squared_distances(mesh.frames + cluster * kFrameRows * kClusterSize + lane, p);
  search.chunk = select(squared < search.squared, Lanes::all(static_cast<float>(chunk)), search.chunk);
  search.squared = min(squared, search.squared);
  search.best = lowest(search.squared);
}

// Writes the squared distances from the point to the boxes of a vector, and returns those nearer than the best face.
inline std::uint32_t boxes_in_reach(const float* boxes, const Search& search, float* squared) {
  const auto side = [&](int index) { return Lanes::load(boxes + index * Lanes::kWidth); };
  const Lanes zero = Lanes::all(0);
  const auto apart = [&](Lanes low, Lanes high, Lanes x) { return max(max(low - x, x - high), zero); };
  const LaneVec3 way{apart(side(0), side(3), search.point.x), apart(side(1), side(4), search.point.y),
                     apart(side(2), side(5), search.point.z)};
  const Lanes distances = dot(way, way);
  distances.store(squared);
  return bits(distances < Lanes::all(search.best));
}

// Chunks to visit, of up to kMost blocks: they are collected before any is visited, which spares mispredicted branches.
struct Agenda {
  static constexpr int kMost = 64 / Lanes::kWidth;

  alignas(64) float squared[kMost * Lanes::kWidth];
  std::int32_t blocks[kMost];
  std::uint64_t chunks = 0;
  int block_count = 0;
};

template <Frames kFrames>
inline void visit_agenda(const PosedMesh& mesh, std::int32_t seen, Agenda& agenda, Search& search) {
  for (; agenda.chunks != 0; agenda.chunks &= agenda.chunks - 1) {
    const int i = __builtin_ctzll(agenda.chunks);
    const std::int32_t chunk = agenda.blocks[i / Lanes::kWidth] * Lanes::kWidth + i % Lanes::kWidth;
    if (agenda.squared[i] < search.best && chunk != seen) visit<kFrames>(mesh, chunk, search);
  }
  agenda.block_count = 0;
}

// The faces that may be closest, as 16 times the cluster plus the lane: all that are as close as the closest one up to
// rounding, among those that were the best of their lane.
struct Candidates {
  std::int32_t faces[Lanes::kWidth];
  int count = 0;
};

inline Candidates candidates_of(const Search& search) {
  alignas(64) float chunks[Lanes::kWidth];
  search.chunk.store(chunks);
  Candidates candidates;
  const float limit = search.best * (1 + 16 * kEpsilon);
  for (std::uint32_t close = bits(search.squared <= Lanes::all(limit)); close != 0; close &= close - 1) {
    const int lane = __builtin_ctz(close);
    candidates.faces[candidates.count++] = static_cast<std::int32_t>(chunks[lane]) * Lanes::kWidth + lane;
  }
  // Where every distance overflowed or is NaN, any face is an answer.
  if (candidates.count == 0)
    candidates.faces[candidates.count++] = static_cast<std::int32_t>(chunks[0]) * Lanes::kWidth;
  return candidates;
}

// Returns the faces closest to p. `seed` is a face to look at first, best one that is near. Requires a surface cluster.
template <Frames kFrames>
inline Candidates nearest_faces(const PosedMesh& mesh, const Vec3<float>& p, std::int32_t seed) {
  Search search{.point = {Lanes::all(p.x), Lanes::all(p.y), Lanes::all(p.z)}};
  const std::int32_t first = seed / Lanes::kWidth;
  search.chunk = Lanes::all(static_cast<float>(first));
  visit<kFrames>(mesh, first, search);
  Agenda agenda;
  for (std::int32_t row = 0; row < mesh.block_row_count; ++row) {
    alignas(64) float ignored[Lanes::kWidth];
    std::uint32_t blocks = boxes_in_reach(mesh.block_boxes + row * 6 * Lanes::kWidth, search, ignored);
    for (; blocks != 0; blocks &= blocks - 1) {
      const std::int32_t block = row * Lanes::kWidth + __builtin_ctz(blocks);
      const int start = agenda.block_count * Lanes::kWidth;
      const std::uint64_t chunks =
          boxes_in_reach(mesh.chunk_boxes + block * 6 * Lanes::kWidth, search, agenda.squared + start);
      agenda.chunks |= chunks << start;
      agenda.blocks[agenda.block_count++] = block;
      if (agenda.block_count == Agenda::kMost) visit_agenda<kFrames>(mesh, first, agenda, search);
    }
  }
  visit_agenda<kFrames>(mesh, first, agenda, search);
  return candidates_of(search);
}

}  // namespace a2p::A2P_ISA_NAMESPACE
