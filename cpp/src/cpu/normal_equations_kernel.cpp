// The product of a tall matrix with itself; compiled once per instruction set.
#include "cpu/normal_equations_kernel.h"

namespace a2p::A2P_ISA_NAMESPACE {
namespace {

#if defined(__AVX512F__)
constexpr int kLanes = 8;
#elif defined(__AVX__)
constexpr int kLanes = 4;
#else
constexpr int kLanes = 2;
#endif
typedef double Doubles __attribute__((vector_size(8 * kLanes)));

// A tile of the product, which stays in registers.
constexpr int kTileRows = 4, kTileColumns = 8, kTileVectors = kTileColumns / kLanes;

void multiply_tile(const double* rows, int count, int first_row, int first_column, double* products) {
  Doubles sums[kTileRows][kTileVectors] = {};
  for (int k = 0; k < count; ++k) {
    const double* row = rows + kNormalColumns * k;
    for (int v = 0; v < kTileVectors; ++v) {
      const Doubles right = *reinterpret_cast<const Doubles*>(row + first_column + kLanes * v);
      for (int i = 0; i < kTileRows; ++i) sums[i][v] += row[first_row + i] * right;
    }
  }
  for (int i = 0; i < kTileRows; ++i) {
    double* to = products + kNormalColumns * (first_row + i) + first_column;
    for (int v = 0; v < kTileVectors; ++v) *reinterpret_cast<Doubles*>(to + kLanes * v) = sums[i][v];
  }
}

}  // namespace

void normal_equations(const double* rows, int count, double* products) noexcept {
  for (int row = 0; row < kNormalColumns; row += kTileRows) {
    const int first = row / kTileColumns * kTileColumns;
    for (int column = first; column < kNormalColumns; column += kTileColumns) {
      multiply_tile(rows, count, row, column, products);
    }
  }
}

}  // namespace a2p::A2P_ISA_NAMESPACE
