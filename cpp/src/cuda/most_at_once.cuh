// How much of a batch one launch takes.
#pragma once
#include <cstdint>

namespace a2p::cuda {

// Pairs or meshes of one launch; it bounds the workspace and the grid.
inline constexpr std::int64_t kMostAtOnce = 4096;

}  // namespace a2p::cuda
