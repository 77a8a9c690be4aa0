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

// One bit a column of a tile.
using ColumnSet = std::uint64_t;
static_assert(kTileColumns == 64);

// The columns that a face crosses, by the side on which all its edges pass them.
struct CrossedColumns {
  ColumnSet left = 0, right = 0;
};

CrossedColumns columns_crossed(const ColumnFace& face, const ColumnTile& tile) noexcept {
  const auto from = [&](int axis) {
    return face.first[axis] > tile.first[axis] ? face.first[axis] - tile.first[axis] : 0;
  };
  const auto to = [&](int axis) {
    const std::int32_t last = face.last[axis] - tile.first[axis];
    return last < kTileSide ? last : kTileSide - 1;
  };
  const std::int32_t first_x = from(0), last_x = to(0), last_y = to(1);
  CrossedColumns crossed;
  for (std::int32_t j = from(1) / kWidth * kWidth; j <= last_y; j += kWidth) {
    Doubles y, dy[3];
    __builtin_memcpy(&y, tile.y + j, sizeof y);
    for (int k = 0; k < 3; ++k) dy[k] = face.y[k] - y;
    for (std::int32_t i = first_x; i <= last_x; ++i) {
      const double dx[3] = {face.x[0] - tile.x[i], face.x[1] - tile.x[i], face.x[2] - tile.x[i]};
      const Mask left[3] = {dx[0] * dy[1] - dy[0] * dx[1] >= face.least_left[0],
                            dx[1] * dy[2] - dy[1] * dx[2] >= face.least_left[1],
                            dx[2] * dy[0] - dy[2] * dx[0] >= face.least_left[2]};
      const std::int32_t column = i * kTileSide + j;
      crossed.left |= ColumnSet{bits(left[0] & left[1] & left[2])} << column;
      crossed.right |= ColumnSet{bits(~(left[0] | left[1] | left[2]))} << column;
    }
  }
  return crossed;
}

// Returns how high the face is in a column that it crosses; of one seen edge on, some height between its corners'.
double height_at(const ColumnFace& face, double x, double y) noexcept {
  const double height = face.z[0] + face.slope[0] * (x - face.x[0]) + face.slope[1] * (y - face.y[0]);
  const double at_least = height > face.lowest ? height : face.lowest;  // so that NaN is the lowest
  return at_least < face.highest ? at_least : face.highest;
}

void cross_face(const ColumnFace& face, ColumnTile& tile) noexcept {
  const CrossedColumns crossed = columns_crossed(face, tile);
  for (ColumnSet met = crossed.left | crossed.right; met != 0; met &= met - 1) {
    const int column = __builtin_ctzll(met), change = (crossed.left >> column & 1) != 0 ? -1 : 1;
    insert({height_at(face, tile.x[column / kTileSide], tile.y[column % kTileSide]),
            static_cast<std::int8_t>(change * face.of_a), static_cast<std::int8_t>(change * face.of_b)},
           column, tile);
  }
}

}  // namespace

void cross_tile(const ColumnFace* faces, const std::int32_t* members, std::int32_t count, ColumnTile& tile) noexcept {
  for (std::int32_t i = 0; i < count; ++i) cross_face(faces[members[i]], tile);
}

}  // namespace a2p::A2P_ISA_NAMESPACE
