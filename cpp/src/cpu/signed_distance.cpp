#include "a2p/signed_distance.h"

#include <algorithm>

#include "a2p/isa.h"
#include "a2p/thread_pool.h"
#include "cpu/mesh_query_kernel.h"
#include "cpu/mesh_scratch.h"

namespace a2p {
namespace {

// Points that are answered in one go. Points near each other share a search, so the cut is part of the result.
constexpr std::int64_t kBlock = kSortedPoints;

}  // namespace

void signed_distance(const Topology& topology, const DistanceQuery& query, std::int32_t threads, MeshScratchPool& pool,
                     const DistanceOutput& output) {
  const std::int64_t blocks_per_pose = (query.points_per_pose + kBlock - 1) / kBlock;
  const Isa isa = active_isa();
  parallel_for(query.pose_count * blocks_per_pose, 1, threads, [&](WorkItems& blocks) {
    std::unique_ptr<MeshScratch> scratch = pool.acquire();
    std::int64_t prepared = -1;
    while (const std::optional<std::int64_t> block = blocks.next()) {
      const std::int64_t pose = *block / blocks_per_pose, first = *block % blocks_per_pose * kBlock;
      PosedMesh& mesh = scratch->arrays().pose(query.vertices + pose * 3 * topology.vertex_count());
      if (pose != prepared) A2P_DISPATCH(isa, prepare, mesh);
      prepared = pose;
      const auto count = static_cast<std::int32_t>(std::min(kBlock, query.points_per_pose - first));
      const std::int64_t point = pose * query.points_per_pose + first;
      const QueryOutput block_output{
          .distance = output.distance + point, .face = output.face + point, .weights = output.weights + 3 * point};
      A2P_DISPATCH(isa, signed_distances, mesh, count, query.points + 3 * point, block_output);
    }
    pool.release(std::move(scratch));
  });
}

}  // namespace a2p
