// How operations on a CUDA device report failure.
#pragma once

namespace a2p::cuda {

// What went wrong: the failing call or kernel and CUDA's own words; both null after success.
struct Status {
  const char* where = nullptr;
  const char* reason = nullptr;
  bool ok() const noexcept { return where == nullptr; }
};

}  // namespace a2p::cuda
