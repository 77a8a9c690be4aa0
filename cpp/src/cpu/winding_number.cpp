#include "a2p/winding_number.h"

#include <algorithm>
#include <vector>

#include "a2p/isa.h"
#include "a2p/thread_pool.h"
#include "cpu/mesh_scratch.h"
#include "cpu/winding_kernel.h"

namespace a2p {

void winding_number(const TriangleMesh& mesh, std::span<const Vec3<double>> points, std::int32_t threads,
                    std::span<double> winding) {
  const auto count = static_cast<std::int64_t>(points.size());
  const Isa isa = active_isa();
  parallel_for((count + kWindingPoints - 1) / kWindingPoints, 1, threads, [&](WorkItems& blocks) {
    AlignedVector<SeenVertex> seen(mesh.vertices.size());
    while (const std::optional<std::int64_t> block = blocks.next()) {
      const std::int64_t first = *block * kWindingPoints;
      Vec3<double> asked[kWindingPoints];
      double half_turns[kWindingPoints];
      for (int i = 0; i < kWindingPoints; ++i)
        asked[i] = points[static_cast<std::size_t>(std::min(first + i, count - 1))];
      A2P_DISPATCH(isa, wind, mesh.vertices.data(), static_cast<std::int64_t>(mesh.vertices.size()), mesh.faces.data(),
                   static_cast<std::int64_t>(mesh.faces.size()), asked, seen.data(), half_turns);
      for (std::int64_t i = first; i < std::min(first + kWindingPoints, count); ++i) {
        winding[static_cast<std::size_t>(i)] = half_turns[i - first] / 2;
      }
    }
  });
}

}  // namespace a2p
