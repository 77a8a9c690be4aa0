// Which instruction set the CPU kernels run with, chosen when they are called.
#pragma once
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace a2p {

// Ascending preference. kPortable is what every processor of the architecture has (SSE2 on x86-64).
enum class Isa : std::int32_t { kPortable, kNeon, kAvx2, kAvx512 };

// Returns "portable", "neon", "avx2" or "avx512".
std::string_view name_of(Isa isa) noexcept;
std::optional<Isa> isa_from_name(std::string_view name) noexcept;

// The sets that are compiled in and that this processor and operating system run, by ascending preference.
std::vector<Isa> runnable_isas();

// The last of runnable_isas().
Isa best_isa() noexcept;

// What kernels use: what set_isa was given, else what the environment variable A2P_ISA named when it was first
// asked for (an unknown or not runnable name is ignored), else best_isa().
Isa active_isa() noexcept;

// Chooses the set for every later call, so that tests reach each path; nullopt restores the choice above.
// Returns false, and changes nothing, where the set is not runnable.
bool set_isa(std::optional<Isa> isa) noexcept;

}  // namespace a2p

// Calls `operation`, which exists as a2p::<isa>::operation once per instruction set (see cpp/kernels.cmake),
// in the copy for `isa`.
#if defined(__x86_64__)
#define A2P_DISPATCH(isa, operation, ...)                               \
  ((isa) == ::a2p::Isa::kAvx512 ? ::a2p::avx512::operation(__VA_ARGS__) \
   : (isa) == ::a2p::Isa::kAvx2 ? ::a2p::avx2::operation(__VA_ARGS__)   \
                                : ::a2p::portable::operation(__VA_ARGS__))
#elif defined(__aarch64__)
#define A2P_DISPATCH(isa, operation, ...) \
  ((isa) == ::a2p::Isa::kNeon ? ::a2p::neon::operation(__VA_ARGS__) : ::a2p::portable::operation(__VA_ARGS__))
#else
#define A2P_DISPATCH(isa, operation, ...) ::a2p::portable::operation(__VA_ARGS__)
#endif
