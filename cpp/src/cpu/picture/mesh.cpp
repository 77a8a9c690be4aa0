#include "cpu/picture/geometry.h"
#include "cpu/picture/values.h"

namespace a2p::picture {
namespace {

void append_hand(const HandLook& look, std::span<const Point> vertices, int hand, Mesh& mesh) {
  const auto first = static_cast<std::int32_t>(mesh.position.size());
  mesh.first_vertex[static_cast<std::size_t>(hand)] = first;
  mesh.last_vertex[static_cast<std::size_t>(hand)] = first + static_cast<std::int32_t>(vertices.size());
  mesh.position.insert(mesh.position.end(), vertices.begin(), vertices.end());
  mesh.place.insert(mesh.place.end(), look.rest.begin(), look.rest.end());
  mesh.palmar.insert(mesh.palmar.end(), look.palmar.begin(), look.palmar.end());
  const auto part = static_cast<std::uint8_t>(mesh.parts.size());
  mesh.parts.push_back({Cover::kSkin, static_cast<std::uint8_t>(hand), hand == 0 ? kRightHand : kLeftHand});
  for (const auto& [a, b, c] : look.faces) mesh.faces.push_back({first + a, first + b, first + c});
  mesh.part.insert(mesh.part.end(), look.faces.size(), part);
}

// Closes a wrist that no arm continues, with corners of its own so that the rim stays sharp.
void append_stump(const HandLook& look, int hand, Mesh& mesh) {
  const std::int32_t first = mesh.first_vertex[static_cast<std::size_t>(hand)];
  const auto rim = static_cast<std::int32_t>(mesh.position.size());
  const auto count = static_cast<std::int32_t>(look.wrist_loop.size());
  const auto append = [&](const Point& position, const Point& place, float palmar) {
    mesh.position.push_back(position);
    mesh.place.push_back(place);
    mesh.palmar.push_back(palmar);
  };
  Point middle{}, middle_place{};
  for (const std::int32_t v : look.wrist_loop) {
    const auto i = static_cast<std::size_t>(first + v);
    const Point position = mesh.position[i], place = mesh.place[i];
    append(position, place, 0.5F);
    middle += (1.0F / static_cast<float>(count)) * position;
    middle_place += (1.0F / static_cast<float>(count)) * place;
  }
  append(middle, middle_place, 0.5F);
  const auto part = static_cast<std::uint8_t>(mesh.parts.size());
  mesh.parts.push_back({Cover::kArm, static_cast<std::uint8_t>(hand), hand == 0 ? kRightHand : kLeftHand});
  for (std::int32_t i = 0; i < count; ++i) {
    mesh.faces.push_back({rim + (i + 1) % count, rim + i, rim + count});
    mesh.part.push_back(part);
  }
}

// Area-weighted sums of the faces' normals around each vertex, of the faces from `first_face` on.
void add_normals(const Mesh& mesh, const std::vector<Point>& position, std::size_t first_face,
                 std::vector<Point>& normal) {
  for (std::size_t f = first_face; f < mesh.faces.size(); ++f) {
    const auto [a, b, c] = mesh.faces[f];
    const Point& pa = position[static_cast<std::size_t>(a)];
    const Point n = cross(position[static_cast<std::size_t>(b)] - pa, position[static_cast<std::size_t>(c)] - pa);
    normal[static_cast<std::size_t>(a)] += n;
    normal[static_cast<std::size_t>(b)] += n;
    normal[static_cast<std::size_t>(c)] += n;
  }
}

// Normals of the surface as if tendons and knuckles stood out from it by `height`: they change light and nothing else.
void shade_relief(const Looks& looks, const Job& job, float height, Workspace& workspace) {
  Mesh& mesh = workspace.mesh;
  auto& raised = workspace.normal_sum;
  raised = mesh.position;
  for (std::size_t hand = 0; hand < 2; ++hand) {
    if (job.scene->wear[hand].present == 0.0F) continue;
    const HandLook& look = looks.hands[hand];
    const auto first = static_cast<std::size_t>(mesh.first_vertex[hand]);
    for (std::size_t v = 0; v < look.relief.size(); ++v) {
      raised[first + v] += height * look.relief[v] * mesh.normal[first + v];
    }
  }
  std::ranges::fill(mesh.normal, Point{});
  add_normals(mesh, raised, 0, mesh.normal);
  for (Point& n : mesh.normal) n = unit(n);
}

}  // namespace

void build_mesh(const Looks& looks, const Job& job, Workspace& workspace) {
  Mesh& mesh = workspace.mesh;
  mesh.clear();
  for (int hand = 0; hand < 2; ++hand) {
    const auto h = static_cast<std::size_t>(hand);
    if (job.scene->wear[h].present == 0.0F) continue;
    append_hand(looks.hands[h], job.vertices[h], hand, mesh);
    if (job.scene->arms[h].length > 0.0F) {
      append_arm(looks.hands[h], job, hand, mesh);
    } else {
      append_stump(looks.hands[h], hand, mesh);
    }
  }
  for (int i = 0; i < kSolidCount; ++i) {
    const Solid& solid = job.scene->solids[static_cast<std::size_t>(i)];
    if (solid.kind > 0.0F) append_solid(solid, i, mesh);
  }
  mesh.normal.assign(mesh.position.size(), Point{});
  add_normals(mesh, mesh.position, 0, mesh.normal);
  for (Point& n : mesh.normal) n = unit(n);
  if (job.scene->skin.relief > 0.0F) shade_relief(looks, job, job.scene->skin.relief, workspace);
}

}  // namespace a2p::picture
