// The kernel of cpu/column_kernel.cpp, one copy an instruction set.
#pragma once
#include <cstdint>

namespace a2p {

// Columns along each side of a tile.
inline constexpr std::int32_t kTileSide = 8;
inline constexpr std::int32_t kTileColumns = kTileSide * kTileSide;

// A face as columns along z see it.
struct ColumnFace {
  double x[3], y[3], z[3];
  double slope[2];                 // of the height along x and y; anything where it is seen edge on
  double least_left[3];            // the least value of the edge from each corner to the next that counts as left
  double lowest, highest;          // of z
  std::int32_t first[2], last[2];  // along x and y, the columns that it may cross
  std::int8_t of_a, of_b;          // 1 for the mesh that it belongs to, else 0
};

// Where a mesh's surface crosses a column, and how the winding numbers change there along +z.
struct ColumnCrossing {
  double height;
  std::int8_t of_a, of_b;
};

// The columns of one tile. Past the lattice's end they are not to be read.
struct ColumnTile {
  std::int32_t first[2];                // its first columns along x and y
  double x[kTileSide], y[kTileSide];    // where they stand
  std::int32_t counts[kTileColumns];    // (x, y) crossings of each
  ColumnCrossing* crossings = nullptr;  // (crossing, x, y) by ascending height, with room for one a face
};

}  // namespace a2p

#define A2P_DECLARE_COLUMNS(isa)                                                            \
  namespace a2p::isa {                                                                      \
  void cross_tile(const ColumnFace* faces, const std::int32_t* members, std::int32_t count, \
                  ColumnTile& tile) noexcept;                                               \
  }

// Adds to the tile's columns where they cross `count` faces, which `members` numbers.
A2P_DECLARE_COLUMNS(portable)
#if defined(__x86_64__)
A2P_DECLARE_COLUMNS(avx2)
A2P_DECLARE_COLUMNS(avx512)
#elif defined(__aarch64__)
A2P_DECLARE_COLUMNS(neon)
#endif
