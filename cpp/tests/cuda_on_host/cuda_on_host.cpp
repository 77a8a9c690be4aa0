#include <cuda_runtime.h>
#include <ucontext.h>

#include <array>
#include <cstdio>
#include <memory>
#include <vector>

namespace cuda_on_host {
namespace {

constexpr unsigned kWarp = 32;

enum class State { kReady, kWaitsForBlock, kWaitsForLanes, kDone };

// One thread of the block that runs.
struct Fibre {
  static constexpr std::size_t kStackBytes = 256 * 1024;

  State state = State::kReady;
  unsigned mask = 0;        // of the lanes it waits for
  std::uint64_t given = 0;  // what it brought
  std::array<std::uint64_t, kWarp> received{};
  ucontext_t context{};
  std::unique_ptr<char[]> stack = std::make_unique<char[]>(kStackBytes);
};

std::vector<std::unique_ptr<Fibre>> fibres;
std::vector<unsigned char> shared;
ucontext_t scheduler;
Fibre* current = nullptr;
const std::function<void()>* running = nullptr;

void enter() {
  (*running)();
  current->state = State::kDone;
  swapcontext(&current->context, &scheduler);
}

void leave(State state) {
  current->state = state;
  swapcontext(&current->context, &scheduler);
}

void resume(unsigned index) {
  current = fibres[index].get();
  threadIdx = dim3(index, 0, 0);
  swapcontext(&scheduler, &current->context);
}

// Lets a group of lanes go on, with what each of them brought, if all have come.
bool release_lanes(unsigned index, unsigned threads) {
  const unsigned first = index / kWarp * kWarp, mask = fibres[index]->mask;
  std::array<std::uint64_t, kWarp> values{};
  for (unsigned lane = 0; lane < kWarp; ++lane) {
    if ((mask >> lane & 1) == 0) continue;
    if (first + lane >= threads) std::abort();
    const Fibre& fibre = *fibres[first + lane];
    if (fibre.state != State::kWaitsForLanes || fibre.mask != mask) return false;
    values[lane] = fibre.given;
  }
  for (unsigned lane = 0; lane < kWarp; ++lane) {
    if ((mask >> lane & 1) == 0) continue;
    fibres[first + lane]->received = values;
    fibres[first + lane]->state = State::kReady;
  }
  return true;
}

bool release_block(unsigned threads) {
  bool any = false;
  for (unsigned i = 0; i < threads; ++i) {
    if (fibres[i]->state != State::kWaitsForBlock && fibres[i]->state != State::kDone) return false;
    any |= fibres[i]->state == State::kWaitsForBlock;
  }
  for (unsigned i = 0; i < threads; ++i) {
    if (fibres[i]->state == State::kWaitsForBlock) fibres[i]->state = State::kReady;
  }
  return any;
}

void start(unsigned threads) {
  while (fibres.size() < threads) fibres.push_back(std::make_unique<Fibre>());
  for (unsigned i = 0; i < threads; ++i) {
    Fibre& fibre = *fibres[i];
    fibre.state = State::kReady;
    getcontext(&fibre.context);
    fibre.context.uc_stack.ss_sp = fibre.stack.get();
    fibre.context.uc_stack.ss_size = Fibre::kStackBytes;
    fibre.context.uc_link = nullptr;
    makecontext(&fibre.context, enter, 0);
  }
}

void run_block(unsigned threads) {
  start(threads);
  while (true) {
    bool has_moved = false, is_done = true;
    for (unsigned i = 0; i < threads; ++i) {
      const unsigned index = is_reversed ? threads - 1 - i : i;
      if (fibres[index]->state == State::kWaitsForLanes) release_lanes(index, threads);
      if (fibres[index]->state == State::kReady) {
        resume(index);
        has_moved = true;
      }
      is_done &= fibres[index]->state == State::kDone;
    }
    if (is_done) return;
    if (!has_moved && !release_block(threads)) {
      std::fputs("the threads of a block wait for each other for ever\n", stderr);
      std::abort();
    }
  }
}

}  // namespace

unsigned char* dynamic_shared() { return shared.data(); }

void wait_for_block() { leave(State::kWaitsForBlock); }

const std::uint64_t* exchange(unsigned mask, std::uint64_t value) {
  if ((mask >> lane() & 1) == 0) std::abort();  // a lane must take part in what it waits for
  Fibre& own = *current;
  own.mask = mask;
  own.given = value;
  leave(State::kWaitsForLanes);
  return own.received.data();
}

void run(dim3 blocks, dim3 threads, std::size_t shared_bytes, const std::function<void()>& kernel) {
  running = &kernel;
  gridDim = blocks;
  blockDim = threads;
  for (unsigned z = 0; z < blocks.z; ++z) {
    for (unsigned y = 0; y < blocks.y; ++y) {
      for (unsigned x = 0; x < blocks.x; ++x) {
        blockIdx = dim3(x, y, z);
        shared.assign(shared_bytes, 0xa5);  // as little to rely on as on a device
        run_block(threads.x);
      }
    }
  }
}

}  // namespace cuda_on_host
