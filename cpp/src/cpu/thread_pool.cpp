#include "a2p/thread_pool.h"

#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

namespace a2p {
namespace {

std::atomic<std::int32_t> g_thread_count{0};

}  // namespace

std::int32_t thread_count() noexcept {
  const std::int32_t set = g_thread_count.load(std::memory_order_relaxed);
  if (set > 0) return set;
  // Asked once: it reads the affinity mask, which takes as long as skinning half a hand.
  static const std::int32_t hardware =
      std::max<std::int32_t>(1, static_cast<std::int32_t>(std::thread::hardware_concurrency()));
  return hardware;
}

void set_thread_count(std::int32_t count) noexcept { g_thread_count.store(count, std::memory_order_relaxed); }

void parallel_for(std::int64_t count, std::int64_t grain, std::int32_t threads,
                  const std::function<void(std::int64_t, std::int64_t)>& work) {
  if (count <= 0) return;
  const std::int64_t asked = threads > 0 ? threads : thread_count();
  const std::int64_t parts = std::clamp<std::int64_t>(count / std::max<std::int64_t>(grain, 1), 1, asked);
  const auto begin_of = [&](std::int64_t part) { return count * part / parts; };
  std::vector<std::thread> helpers;
  helpers.reserve(static_cast<std::size_t>(parts - 1));
  for (std::int64_t part = 1; part < parts; ++part) {
    helpers.emplace_back([&work, first = begin_of(part), last = begin_of(part + 1)] { work(first, last); });
  }
  work(0, begin_of(1));
  for (std::thread& helper : helpers) helper.join();
}

}  // namespace a2p
