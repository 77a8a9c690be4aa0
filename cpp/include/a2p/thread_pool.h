// Runs independent pieces of work on a few threads.
#pragma once
#include <cstdint>
#include <functional>

namespace a2p {

// Number of threads that parallel_for uses where the caller asks for 0: the hardware's, or what
// set_thread_count was last given.
std::int32_t thread_count() noexcept;

// Sets the default of parallel_for; 0 restores the hardware's number. Requires count >= 0.
void set_thread_count(std::int32_t count) noexcept;

// Calls work(begin, end) on disjoint ranges that cover [0, count), on at most `threads` threads (0: the default)
// with at least `grain` items each. The calling thread takes part. Returns when all have ended. Ranges depend on
// the arguments alone, so that a result that does not depend on order is the same bits for any thread count.
// Concurrent calls are independent of each other. `work` must not throw.
void parallel_for(std::int64_t count, std::int64_t grain, std::int32_t threads,
                  const std::function<void(std::int64_t, std::int64_t)>& work);

}  // namespace a2p
