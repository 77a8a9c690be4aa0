#include "a2p/thread_pool.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <system_error>
#include <thread>

#if defined(__unix__) || defined(__APPLE__)
#include <pthread.h>
#endif

namespace a2p {
namespace {

std::atomic<std::int32_t> g_thread_count{0};

// However many threads a caller asks for, the pool keeps no more than these.
constexpr std::int32_t kMostHelpers = 255;

// One call of run_parallel, on its caller's stack. The pool's mutex guards all but the items.
struct Job {
  const Work& work;
  WorkItems items;
  std::int32_t open_seats;   // helpers that may still join
  std::int32_t helpers = 0;  // that have joined and not left
  Job* next = nullptr;       // in the list of jobs with open seats
};

// Threads that wait for jobs. It is never destroyed, and its threads are detached: nothing has to be joined when the
// process ends, in whatever order it tears down.
class Helpers {
 public:
  void run(Job& job) {
    const std::int32_t seats = job.open_seats;
    {
      const std::lock_guard lock(mutex_);
      start_threads(seats);
      job.next = jobs_;
      jobs_ = &job;
    }
    for (std::int32_t seat = 0; seat < seats; ++seat) work_arrived_.notify_one();
    job.work.call(job.work.context, job.items);
    std::unique_lock lock(mutex_);
    withdraw(job);
    helper_left_.wait(lock, [&] { return job.helpers == 0; });
  }

 private:
  // Jobs run at once share the threads, so there are as many as the widest job asked for.
  void start_threads(std::int32_t wanted) {
    for (; thread_count_ < std::min(wanted, kMostHelpers); ++thread_count_) {
      try {
        std::thread([this] { serve(); }).detach();
      } catch (const std::system_error&) {
        return;  // the system gives no more: those that exist, or the caller alone, do the work
      }
    }
  }

  void serve() {
    std::unique_lock lock(mutex_);
    while (true) {
      work_arrived_.wait(lock, [&] { return jobs_ != nullptr; });
      Job& job = *jobs_;
      if (--job.open_seats == 0) withdraw(job);
      ++job.helpers;
      lock.unlock();
      job.work.call(job.work.context, job.items);
      lock.lock();
      if (--job.helpers == 0) helper_left_.notify_all();
    }
  }

  void withdraw(const Job& job) noexcept {
    for (Job** link = &jobs_; *link != nullptr; link = &(*link)->next) {
      if (*link == &job) {
        *link = job.next;
        return;
      }
    }
  }

  std::mutex mutex_;
  std::condition_variable work_arrived_, helper_left_;
  Job* jobs_ = nullptr;
  std::int32_t thread_count_ = 0;
};

std::atomic<Helpers*> g_helpers{nullptr};

// A forked child has none of its parent's threads, and whoever held a lock is gone: it starts anew.
Helpers& helpers() {
  static const bool is_first = [] {
#if defined(__unix__) || defined(__APPLE__)
    pthread_atfork(nullptr, nullptr, [] { g_helpers = new Helpers; });
#endif
    g_helpers = new Helpers;
    return true;
  }();
  static_cast<void>(is_first);
  return *g_helpers.load(std::memory_order_acquire);
}

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

void run_parallel(std::int64_t count, std::int64_t grain, std::int32_t threads, const Work& work) {
  if (count <= 0) return;
  const std::int64_t asked = threads > 0 ? threads : thread_count();
  const auto seats = std::clamp<std::int64_t>(count / std::max<std::int64_t>(grain, 1), 1, asked);
  Job job{.work = work, .items = WorkItems(count), .open_seats = static_cast<std::int32_t>(seats - 1)};
  if (seats == 1) {
    work.call(work.context, job.items);
  } else {
    helpers().run(job);
  }
}

}  // namespace a2p
