// The memory behind MeshScratch.
#pragma once
#include <cstddef>
#include <new>
#include <vector>

#include "a2p/mesh_scratch.h"
#include "cpu/posed_mesh.h"

namespace a2p {

// Gives vectors the alignment of the widest vector register.
template <typename T>
struct RegisterAligned {
  using value_type = T;
  static constexpr std::align_val_t kAlignment{64};

  RegisterAligned() = default;
  template <typename U>
  RegisterAligned(const RegisterAligned<U>&) noexcept {}

  T* allocate(std::size_t count) { return static_cast<T*>(::operator new(count * sizeof(T), kAlignment)); }
  void deallocate(T* memory, std::size_t) noexcept { ::operator delete(memory, kAlignment); }
  bool operator==(const RegisterAligned&) const noexcept { return true; }
};

template <typename T>
using AlignedVector = std::vector<T, RegisterAligned<T>>;

struct MeshScratch::Arrays {
  explicit Arrays(const TopologyView& topology);

  // The mesh, posed by `vertices`, which must outlive its use.
  PosedMesh& pose(const float* vertices) noexcept {
    mesh.vertices = vertices;
    return mesh;
  }

  AlignedVector<float> corners, frames, chunk_boxes, block_boxes;
  AlignedVector<ClusterBox> boxes;
  std::vector<std::uint8_t> has_frame;
  std::vector<std::uint64_t> starts, ends, surface;
  std::vector<double> scatter;
  PosedMesh mesh;
};

}  // namespace a2p
