// Triangle meshes of fixed connectivity, prepared once and posed many times.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "a2p/topology_view.h"
#include "a2p/vec3.h"

namespace a2p {

// Owns a prepared topology. Faces are counter-clockwise seen from outside and close a surface, cap faces included:
// caps count when inside is decided, and are nowhere the closest surface.
class Topology {
 public:
  // `faces` are corners' indices in [0, vertex_count); `is_cap` has one flag a face. `rest_vertices` only decide
  // which faces are close to each other; where all are one point, the edges between them do.
  Topology(std::span<const Vec3<std::int32_t>> faces, std::span<const bool> is_cap,
           std::span<const Vec3<float>> rest_vertices);

  TopologyView view() const noexcept;
  std::int32_t vertex_count() const noexcept { return static_cast<std::int32_t>(vertex_order_.size()); }
  std::int32_t face_count() const noexcept { return face_count_; }
  std::int32_t cluster_count() const noexcept { return static_cast<std::int32_t>(lanes_.size()); }

 private:
  void append_cluster(std::span<const std::int32_t> members, std::span<const Vec3<std::int32_t>> faces);

  std::int32_t face_count_ = 0;
  std::int32_t surface_cluster_count_ = 0;
  std::vector<std::int32_t> corners_;
  std::vector<std::int32_t> faces_;
  std::vector<std::uint16_t> lanes_;
  std::vector<std::int32_t> vertex_order_;
};

}  // namespace a2p
