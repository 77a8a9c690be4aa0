// Runs independent pieces of work on a few threads, which are kept between calls.
#pragma once
#include <atomic>
#include <cstdint>
#include <optional>
#include <type_traits>

namespace a2p {

// Number of threads that parallel_for uses where the caller asks for 0: the hardware's, or what
// set_thread_count was last given.
std::int32_t thread_count() noexcept;

// Sets the default of parallel_for; 0 restores the hardware's number. Requires count >= 0.
void set_thread_count(std::int32_t count) noexcept;

// The items [0, count) of one parallel call. Each is handed out once, to whichever thread asks next.
class WorkItems {
 public:
  explicit WorkItems(std::int64_t count) noexcept : count_(count) {}

  std::optional<std::int64_t> next() noexcept {
    const std::int64_t item = next_.fetch_add(1, std::memory_order_relaxed);
    return item < count_ ? std::optional(item) : std::nullopt;
  }

 private:
  std::atomic<std::int64_t> next_{0};
  const std::int64_t count_;
};

// What a thread that takes part calls once: it draws items until there are none.
struct Work {
  void (*call)(void* context, WorkItems& items);
  void* context;
};

// See below.
void run_parallel(std::int64_t count, std::int64_t grain, std::int32_t threads, const Work& work);

// Calls work(items) once on each of at most `threads` threads (0: the default), so many that each may have `grain`
// items. The calling thread is one of them and waits for none that has not begun, so calls may be concurrent and
// nested. Returns when all items are done. Who draws an item is chance: a result must not depend on it. Allocates
// nothing once the threads exist. A forked child starts threads of its own. `work` must not throw.
template <typename Function>
void parallel_for(std::int64_t count, std::int64_t grain, std::int32_t threads, Function&& work) {
  using Plain = std::remove_reference_t<Function>;
  static_assert(!std::is_const_v<Plain>, "give a temporary or a variable");
  run_parallel(count, grain, threads,
               {[](void* context, WorkItems& items) { (*static_cast<Plain*>(context))(items); }, &work});
}

}  // namespace a2p
