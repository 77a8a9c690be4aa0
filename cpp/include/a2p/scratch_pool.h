// Scratch memory that concurrent calls share.
#pragma once
#include <functional>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace a2p {

// Lends scratch to one user at a time and keeps it between calls, so that a warm call allocates nothing.
template <typename Scratch>
class ScratchPool {
 public:
  using Make = std::function<std::unique_ptr<Scratch>()>;

  explicit ScratchPool(Make make) : make_(std::move(make)) {}

  std::unique_ptr<Scratch> acquire() {
    {
      const std::lock_guard lock(mutex_);
      if (!idle_.empty()) {
        std::unique_ptr<Scratch> scratch = std::move(idle_.back());
        idle_.pop_back();
        return scratch;
      }
    }
    return make_();
  }

  void release(std::unique_ptr<Scratch> scratch) {
    const std::lock_guard lock(mutex_);
    idle_.push_back(std::move(scratch));
  }

 private:
  Make make_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Scratch>> idle_;
};

}  // namespace a2p
