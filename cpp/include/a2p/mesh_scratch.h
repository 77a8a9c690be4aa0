// Memory for queries against posed meshes.
#pragma once
#include <memory>

#include "a2p/scratch_pool.h"
#include "a2p/topology.h"

namespace a2p {

// Serves poses of the topology it is made for. One user at a time; reusable.
class MeshScratch {
 public:
  explicit MeshScratch(const Topology& topology);
  ~MeshScratch();
  MeshScratch(MeshScratch&&) noexcept;
  MeshScratch& operator=(MeshScratch&&) noexcept;

  struct Arrays;
  Arrays& arrays() noexcept { return *arrays_; }

 private:
  std::unique_ptr<Arrays> arrays_;
};

using MeshScratchPool = ScratchPool<MeshScratch>;

}  // namespace a2p
