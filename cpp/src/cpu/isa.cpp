#include "a2p/isa.h"

#include <array>
#include <atomic>
#include <cstdlib>
#include <utility>

namespace a2p {
namespace {

constexpr std::array<std::pair<Isa, std::string_view>, 4> kNames{
    {{Isa::kPortable, "portable"}, {Isa::kNeon, "neon"}, {Isa::kAvx2, "avx2"}, {Isa::kAvx512, "avx512"}}};

constexpr std::int32_t kUnset = -1;
std::atomic<std::int32_t> g_chosen{kUnset};

// The processor's answers cover the operating system too: the compiler's runtime also reads XCR0.
bool is_runnable(Isa isa) noexcept {
  switch (isa) {
    case Isa::kPortable:
      return true;
    case Isa::kNeon:
#if defined(__aarch64__)
      return true;
#else
      return false;
#endif
    case Isa::kAvx2:
#if defined(__x86_64__)
      return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#else
      return false;
#endif
    case Isa::kAvx512:
#if defined(__x86_64__)
      return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
             __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
             __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#else
      return false;
#endif
  }
  return false;
}

Isa default_isa() noexcept {
  const char* asked = std::getenv("A2P_ISA");
  if (asked != nullptr) {
    const std::optional<Isa> isa = isa_from_name(asked);
    if (isa && is_runnable(*isa)) return *isa;
  }
  return best_isa();
}

}  // namespace

std::string_view name_of(Isa isa) noexcept {
  for (const auto& [candidate, name] : kNames) {
    if (candidate == isa) return name;
  }
  return {};
}

std::optional<Isa> isa_from_name(std::string_view name) noexcept {
  for (const auto& [isa, candidate] : kNames) {
    if (candidate == name) return isa;
  }
  return std::nullopt;
}

std::vector<Isa> runnable_isas() {
  std::vector<Isa> runnable;
  for (const auto& [isa, name] : kNames) {
    if (is_runnable(isa)) runnable.push_back(isa);
  }
  return runnable;
}

Isa best_isa() noexcept {
  for (auto entry = kNames.rbegin(); entry != kNames.rend(); ++entry) {
    if (is_runnable(entry->first)) return entry->first;
  }
  return Isa::kPortable;
}

Isa active_isa() noexcept {
  const std::int32_t chosen = g_chosen.load(std::memory_order_relaxed);
  if (chosen != kUnset) return static_cast<Isa>(chosen);
  static const Isa otherwise = default_isa();
  return otherwise;
}

bool set_isa(std::optional<Isa> isa) noexcept {
  if (isa && !is_runnable(*isa)) return false;
  g_chosen.store(isa ? static_cast<std::int32_t>(*isa) : kUnset, std::memory_order_relaxed);
  return true;
}

}  // namespace a2p
