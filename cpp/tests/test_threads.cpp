// The kept threads: every item once, concurrent and nested calls, and a forked child. Run it under sanitizers.
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <thread>
#include <vector>

#include "a2p/thread_pool.h"
#include "check.h"

namespace {

// Returns how often each item was drawn.
std::vector<int> draws(std::int64_t count, std::int64_t grain, std::int32_t threads) {
  std::vector<int> drawn(static_cast<std::size_t>(count));
  a2p::parallel_for(count, grain, threads, [&](a2p::WorkItems& items) {
    while (const std::optional<std::int64_t> item = items.next()) ++drawn[static_cast<std::size_t>(*item)];
  });
  return drawn;
}

void test_every_item_is_drawn_once() {
  for (const std::int64_t count : {0, 1, 2, 1000}) {
    for (const std::int32_t threads : {0, 1, 2, 7, 10000}) {
      A2P_CHECK(draws(count, 1, threads) == std::vector<int>(static_cast<std::size_t>(count), 1));
    }
  }
}

void test_no_more_threads_than_asked_for_take_part() {
  for (const auto& [count, grain, threads, most] : {std::array{100, 1, 1, 1}, {100, 1, 3, 3}, {100, 40, 8, 2}}) {
    std::atomic<int> participants{0};
    a2p::parallel_for(count, grain, threads, [&](a2p::WorkItems& items) {
      ++participants;
      while (items.next()) std::this_thread::yield();
    });
    A2P_CHECK(participants >= 1 && participants <= most);
  }
}

void test_concurrent_and_nested_calls_end() {
  std::atomic<std::int64_t> total{0};
  std::vector<std::thread> callers;
  for (int caller = 0; caller < 4; ++caller) {
    callers.emplace_back([&] {
      for (int round = 0; round < 100; ++round) {
        a2p::parallel_for(5, 1, 3, [&](a2p::WorkItems& outer) {
          while (outer.next()) {
            a2p::parallel_for(4, 1, 2, [&](a2p::WorkItems& inner) {
              while (inner.next()) ++total;
            });
          }
        });
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  A2P_CHECK(total == 4 * 100 * 5 * 4);
}

[[maybe_unused]] void test_a_forked_child_has_threads_of_its_own() {
  draws(100, 1, 4);
  const pid_t child = fork();
  if (child == 0) _exit(draws(100, 1, 4) == std::vector<int>(100, 1) ? 0 : 1);
  int status = -1;
  A2P_CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

}  // namespace

int main() {
  test_every_item_is_drawn_once();
  test_no_more_threads_than_asked_for_take_part();
  test_concurrent_and_nested_calls_end();
#if !defined(__SANITIZE_THREAD__)  // which lets no forked child start a thread
  test_a_forked_child_has_threads_of_its_own();
#endif
  return a2p::tests::failures == 0 ? 0 : 1;
}
