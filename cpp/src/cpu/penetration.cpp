#include "a2p/penetration.h"

#include "a2p/isa.h"
#include "a2p/thread_pool.h"
#include "cpu/mesh_query_kernel.h"
#include "cpu/mesh_scratch.h"

namespace a2p {

namespace {

// Waking a thread takes some 40 us: the two directions of one pair of smaller meshes are done sooner without.
constexpr std::int32_t kFacesWorthWaking = 5000;

QueryOutput output_a(const PairOutput& output) {
  return {output.depth_a, output.face_a, output.weights_a, output.gradient_a};
}

QueryOutput output_b(const PairOutput& output) {
  return {output.depth_b, output.face_b, output.weights_b, output.gradient_b};
}

// Returns the outputs of the pair that is `index` pairs further.
PairOutput advance(const PairOutput& output, std::int64_t index, std::int64_t va, std::int64_t vb) {
  const auto at = [index](auto* start, std::int64_t stride) {
    return start == nullptr ? start : start + index * stride;
  };
  return {.depth_a = at(output.depth_a, va),
          .depth_b = at(output.depth_b, vb),
          .face_a = at(output.face_a, va),
          .face_b = at(output.face_b, vb),
          .weights_a = at(output.weights_a, 3 * va),
          .weights_b = at(output.weights_b, 3 * vb),
          .gradient_a = at(output.gradient_a, 3 * va),
          .gradient_b = at(output.gradient_b, 3 * vb)};
}

// The two directions of a pair share nothing, so that they may run on two threads; finish_pair adds what the one
// left on the other's vertices, in an order that does not depend on who ran first.
double penetrate_direction(MeshScratch& mesh, const float* mesh_vertices, const Topology& topology, const float* points,
                           const DepthLoss& loss, const QueryOutput& output) noexcept {
  PosedMesh& posed = mesh.arrays().pose(mesh_vertices);
  return A2P_DISPATCH(active_isa(), penetrate, posed, topology.view(), points, loss, output);
}

void add_scatter(const MeshScratch::Arrays& arrays, float* gradient) noexcept {
  if (gradient == nullptr) return;
  for (std::size_t i = 0; i < arrays.scatter.size(); ++i)
    gradient[i] = static_cast<float>(gradient[i] + arrays.scatter[i]);
}

void finish_pair(PairScratch& scratch, const PairOutput& output) noexcept {
  add_scatter(scratch.in_a.arrays(), output.gradient_a);
  add_scatter(scratch.in_b.arrays(), output.gradient_b);
}

}  // namespace

double penetrate_pair(const Topology& a, const Topology& b, const float* vertices_a, const float* vertices_b,
                      const DepthLoss& loss, PairScratch& scratch, const PairOutput& output) noexcept {
  const double loss_a = penetrate_direction(scratch.in_b, vertices_b, a, vertices_a, loss, output_a(output));
  const double loss_b = penetrate_direction(scratch.in_a, vertices_a, b, vertices_b, loss, output_b(output));
  finish_pair(scratch, output);
  return loss_a + loss_b;
}

void penetrate_pairs(const Topology& a, const Topology& b, std::int64_t count, const float* vertices_a,
                     const float* vertices_b, const DepthLoss& loss, std::int32_t threads, PairScratchPool& pool,
                     double* loss_out, const PairOutput& output) {
  const std::int64_t va = a.vertex_count(), vb = b.vertex_count();
  if (count == 1) {
    std::unique_ptr<PairScratch> scratch = pool.acquire();
    double losses[2];
    const bool is_worth_waking = a.face_count() + b.face_count() >= kFacesWorthWaking;
    parallel_for(2, 1, is_worth_waking ? threads : 1, [&](WorkItems& directions) {
      while (const std::optional<std::int64_t> direction = directions.next()) {
        losses[*direction] =
            *direction == 0 ? penetrate_direction(scratch->in_b, vertices_b, a, vertices_a, loss, output_a(output))
                            : penetrate_direction(scratch->in_a, vertices_a, b, vertices_b, loss, output_b(output));
      }
    });
    finish_pair(*scratch, output);
    if (loss_out != nullptr) *loss_out = losses[0] + losses[1];
    pool.release(std::move(scratch));
    return;
  }
  parallel_for(count, 1, threads, [&](WorkItems& pairs) {
    std::unique_ptr<PairScratch> scratch = pool.acquire();
    while (const std::optional<std::int64_t> pair = pairs.next()) {
      const double value = penetrate_pair(a, b, vertices_a + *pair * 3 * va, vertices_b + *pair * 3 * vb, loss,
                                          *scratch, advance(output, *pair, va, vb));
      if (loss_out != nullptr) loss_out[*pair] = value;
    }
    pool.release(std::move(scratch));
  });
}

}  // namespace a2p
