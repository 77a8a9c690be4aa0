// Stands in for the source of the same name: few, so that a small batch takes several launches.
#pragma once
#include <cstdint>

namespace a2p::cuda {

inline constexpr std::int64_t kMostAtOnce = 4;

}  // namespace a2p::cuda
