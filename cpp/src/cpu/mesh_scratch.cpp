#include "cpu/mesh_scratch.h"

namespace a2p {

MeshScratch::Arrays::Arrays(const TopologyView& topology) {
  const auto clusters = static_cast<std::size_t>(topology.cluster_count), words = (clusters + 63) / 64;
  corners.resize(clusters * 9 * kClusterSize);
  frames.resize(clusters * kFrameRows * kClusterSize);
  boxes.resize(clusters);
  // Enough for chunks of 4 faces, and whole rows of 16.
  const std::size_t chunks = (4 * clusters + 255) / 256 * 256;
  chunk_boxes.resize(6 * chunks);
  block_boxes.resize(6 * chunks / 4);
  has_frame.resize(clusters);
  starts.resize(3 * kSlabs * words);
  ends.resize(3 * kSlabs * words);
  surface.resize(words);
  scatter.resize(3 * static_cast<std::size_t>(topology.vertex_count));
  for (std::int32_t cluster = 0; cluster < topology.surface_cluster_count; ++cluster) {
    surface[static_cast<std::size_t>(cluster) / 64] |= std::uint64_t{1} << (cluster % 64);
  }
  mesh.topology = topology;
  mesh.corners = corners.data();
  mesh.frames = frames.data();
  mesh.has_frame = has_frame.data();
  mesh.boxes = boxes.data();
  mesh.chunk_boxes = chunk_boxes.data();
  mesh.block_boxes = block_boxes.data();
  mesh.word_count = static_cast<std::int32_t>(words);
  mesh.starts = starts.data();
  mesh.ends = ends.data();
  mesh.surface = surface.data();
  mesh.scatter = scatter.data();
}

MeshScratch::MeshScratch(const Topology& topology) : arrays_(std::make_unique<Arrays>(topology.view())) {}
MeshScratch::~MeshScratch() = default;
MeshScratch::MeshScratch(MeshScratch&&) noexcept = default;
MeshScratch& MeshScratch::operator=(MeshScratch&&) noexcept = default;

}  // namespace a2p
