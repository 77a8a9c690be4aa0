// Stands in for the source of the same name.
#pragma once
#include <cuda_runtime.h>

namespace a2p::cuda {

inline unsigned char* dynamic_shared() { return cuda_on_host::dynamic_shared(); }

}  // namespace a2p::cuda
