// Compiled without contraction: edge functions are exactly antisymmetric, so that faces never disagree about an edge.
#include "cpu/column_kernel.h"

#if defined(__AVX__)
#include <immintrin.h>
#endif

namespace a2p::A2P_ISA_NAMESPACE {
namespace {

// Compiler vectors of columns next to each other along y.
typedef double Doubles __attribute__((vector_size(32)));
typedef std::int64_t Mask __attribute__((vector_size(32)));
constexpr std::int32_t kWidth = 4;

struct Edges {
  Doubles values[3];  // from each corner to the next, positive where it passes the column on its left
};

std::uint32_t bits(Mask mask) noexcept {
#if defined(__AVX__)
  return static_cast<std::uint32_t>(_mm256_movemask_pd(reinterpret_cast<__m256d>(mask)));
#else
  std::uint32_t set = 0;
  for (int lane = 0; lane < kWidth; ++lane) set |= static_cast<std::uint32_t>(mask[lane] & 1) << lane;
  return set;
#endif
}

// Puts a crossing where its height belongs in its column.
void insert(const ColumnCrossing& crossing, std::int32_t column, ColumnTile& tile) noexcept {
  ColumnCrossing* place = tile.crossings + tile.counts[column]++ * kTileColumns + column;
  for (; place >= tile.crossings + kTileColumns && place[-kTileColumns].height > crossing.height;
       place -= kTileColumns) {
    *place = place[-kTileColumns];
  }
  *place = crossing;
}

void insert_lanes(const ColumnFace& face, const Edges& edges, std::uint32_t all_left, std::uint32_t none_left,
                  std::int32_t column, ColumnTile& tile) noexcept {
  for (std::uint32_t met = all_left | none_left; met != 0; met &= met - 1) {
    const int lane = __builtin_ctz(met);
    const double at[3] = {edges.values[0][lane], edges.values[1][lane], edges.values[2][lane]};
    const double area = at[0] + at[1] + at[2];  // zero for a face seen edge on, whose crossings cancel
    const double height = area == 0 ? face.z[0] : (at[1] * face.z[0] + at[2] * face.z[1] + at[0] * face.z[2]) / area;
    const int change = (all_left >> lane & 1) != 0 ? -1 : 1;
    insert({height, static_cast<std::int8_t>(change * face.of_a), static_cast<std::int8_t>(change * face.of_b)},
           column + lane, tile);
  }
}

void cross_face(const ColumnFace& face, ColumnTile& tile) noexcept {
  const auto from = [&](int axis) {
    return face.first[axis] > tile.first[axis] ? face.first[axis] - tile.first[axis] : 0;
  };
  const auto to = [&](int axis) {
    const std::int32_t last = face.last[axis] - tile.first[axis];
    return last < kTileSide ? last : kTileSide - 1;
  };
  const std::int32_t last_x = to(0), last_y = to(1);
  for (std::int32_t j = from(1) / kWidth * kWidth; j <= last_y; j += kWidth) {
    Doubles y, dy[3];
    __builtin_memcpy(&y, tile.y + j, sizeof y);
    for (int k = 0; k < 3; ++k) dy[k] = face.y[k] - y;
    for (std::int32_t i = from(0); i <= last_x; ++i) {
      const double dx[3] = {face.x[0] - tile.x[i], face.x[1] - tile.x[i], face.x[2] - tile.x[i]};
      const Edges edges{{dx[0] * dy[1] - dy[0] * dx[1], dx[1] * dy[2] - dy[1] * dx[2], dx[2] * dy[0] - dy[2] * dx[0]}};
      const Mask left[3] = {edges.values[0] >= face.least_left[0], edges.values[1] >= face.least_left[1],
                            edges.values[2] >= face.least_left[2]};
      const std::uint32_t all_left = bits(left[0] & left[1] & left[2]),
                          none_left = bits(~(left[0] | left[1] | left[2]));
      if ((all_left | none_left) != 0) insert_lanes(face, edges, all_left, none_left, i * kTileSide + j, tile);
    }
  }
}

}  // namespace

void cross_tile(const ColumnFace* faces, const std::int32_t* members, std::int32_t count, ColumnTile& tile) noexcept {
  for (std::int32_t i = 0; i < count; ++i) cross_face(faces[members[i]], tile);
}

}  // namespace a2p::A2P_ISA_NAMESPACE
