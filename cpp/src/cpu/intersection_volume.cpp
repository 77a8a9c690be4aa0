#include "a2p/intersection_volume.h"

#include <algorithm>
#include <array>
#include <limits>
#include <numeric>
#include <vector>

#include "a2p/isa.h"
#include "cpu/column_kernel.h"

namespace a2p {
namespace {

constexpr double kFar = std::numeric_limits<double>::infinity();

struct Box {
  Vec3<double> lowest, highest;
};

Box box_of(const TriangleMesh& mesh) {
  Box box{{kFar, kFar, kFar}, {-kFar, -kFar, -kFar}};
  for (const Vec3<double>& p : mesh.vertices) {
    box.lowest = {std::min(box.lowest.x, p.x), std::min(box.lowest.y, p.y), std::min(box.lowest.z, p.z)};
    box.highest = {std::max(box.highest.x, p.x), std::max(box.highest.y, p.y), std::max(box.highest.z, p.z)};
  }
  return box;
}

// Columns along one side of a box.
struct Lattice {
  Lattice(double lowest, double highest, std::int64_t columns)
      : low(lowest),
        step((highest - lowest) / static_cast<double>(columns)),
        count(static_cast<std::int32_t>(columns)) {}

  double at(std::int32_t i) const { return low + (static_cast<double>(i) + 0.5) * step; }

  // Writes the first and the last column from `lowest` to `highest`, with room for rounding; last < first without any.
  void cover(double lowest, double highest, std::int32_t& first, std::int32_t& last) const {
    constexpr double kRoom = 1e-6;  // of a step
    const double end = static_cast<double>(count);
    const auto from_low = [&](double place) { return std::clamp((place - low) * per_step - 0.5, -1.0, end); };
    const double start = from_low(lowest) - kRoom, stop = from_low(highest) + kRoom;
    first = std::max(static_cast<std::int32_t>(start + 2) - 1, 0);  // rounded up, or more where it is whole
    last = std::min(static_cast<std::int32_t>(stop + 2) - 2, count - 1);
  }

  double low, step, per_step = 1 / step;
  std::int32_t count;
};

// Heights between which a mesh's surface lies in the columns of a tile.
struct Layer {
  double lowest = kFar, highest = -kFar;
};

// One tile, and the faces that it is crossed by.
struct Tile {
  Layer of_a, of_b;
  double ceiling = -kFar;             // of what may be shared; a face above it is no member
  std::int32_t first = 0, count = 0;  // of its members
};

void set_slope(ColumnFace& face) {
  const Vec3<double> ab{face.x[1] - face.x[0], face.y[1] - face.y[0], face.z[1] - face.z[0]},
      ac{face.x[2] - face.x[0], face.y[2] - face.y[0], face.z[2] - face.z[0]};
  const Vec3<double> normal = cross(ab, ac);
  const double per_area = 1 / normal.z;
  face.slope[0] = -normal.x * per_area;
  face.slope[1] = -normal.y * per_area;
}

class Columns {
 public:
  Columns(const Box& box, std::int64_t columns, std::size_t face_count)
      : x_(box.lowest.x, box.highest.x, columns),
        y_(box.lowest.y, box.highest.y, columns),
        ceiling_(box.highest.z),
        tiles_a_side_((static_cast<std::int32_t>(columns) + kTileSide - 1) / kTileSide),
        tiles_(static_cast<std::size_t>(tiles_a_side_) * static_cast<std::size_t>(tiles_a_side_)) {
    faces_.reserve(face_count);
  }

  void add(const TriangleMesh& mesh, bool is_a) {
    for (const Vec3<std::int64_t>& face : mesh.faces) add_face(mesh, face, is_a);
  }

  // Returns the volume that both meshes share; to be called once, when both are added.
  double shared_volume() {
    list_members();
    ColumnTile columns;
    std::int32_t most = 0;
    for (const Tile& tile : tiles_) most = std::max(most, tile.count);
    std::vector<ColumnCrossing> crossings(static_cast<std::size_t>(most) * kTileColumns);
    columns.crossings = crossings.data();
    const Isa isa = active_isa();
    double length = 0;
    for (std::int32_t i = 0; i < tiles_a_side_; ++i) {
      for (std::int32_t j = 0; j < tiles_a_side_; ++j) {
        const Tile& tile = tile_at(i, j);
        if (tile.count == 0) continue;
        place(i, j, columns);
        A2P_DISPATCH(isa, cross_tile, faces_.data(), members_.data() + tile.first, tile.count, columns);
        length += shared_length(columns);
      }
    }
    return length * x_.step * y_.step;
  }

 private:
  Tile& tile_at(std::int32_t i, std::int32_t j) { return tiles_[static_cast<std::size_t>(i * tiles_a_side_ + j)]; }

  template <typename Visit>
  void for_each_tile(const ColumnFace& face, const Visit& visit) {
    for (std::int32_t i = face.first[0] / kTileSide; i <= face.last[0] / kTileSide; ++i) {
      for (std::int32_t j = face.first[1] / kTileSide; j <= face.last[1] / kTileSide; ++j) visit(tile_at(i, j));
    }
  }

  void add_face(const TriangleMesh& mesh, const Vec3<std::int64_t>& indices, bool is_a) {
    const std::array<std::int64_t, 3> index{indices.x, indices.y, indices.z};
    if (index[0] == index[1] && index[1] == index[2]) return;
    ColumnFace face;
    for (std::size_t k = 0; k < 3; ++k) {
      const Vec3<double>& corner = mesh.vertices[static_cast<std::size_t>(index[k])];
      face.x[k] = corner.x;
      face.y[k] = corner.y;
      face.z[k] = corner.z;
    }
    face.lowest = std::min({face.z[0], face.z[1], face.z[2]});
    face.highest = std::max({face.z[0], face.z[1], face.z[2]});
    x_.cover(std::min({face.x[0], face.x[1], face.x[2]}), std::max({face.x[0], face.x[1], face.x[2]}), face.first[0],
             face.last[0]);
    y_.cover(std::min({face.y[0], face.y[1], face.y[2]}), std::max({face.y[0], face.y[1], face.y[2]}), face.first[1],
             face.last[1]);
    if (face.last[0] < face.first[0] || face.last[1] < face.first[1]) return;
    for_each_tile(face, [&](Tile& tile) {
      Layer& layer = is_a ? tile.of_a : tile.of_b;
      layer.lowest = std::min(layer.lowest, face.lowest);
      layer.highest = std::max(layer.highest, face.highest);
    });
    if (face.lowest > ceiling_) return;
    for (std::size_t k = 0; k < 3; ++k) {
      const std::size_t next = (k + 1) % 3;
      // A column on an edge's line counts as moved by (e, e^2) with an infinitesimal e.
      const bool on_line_is_left = face.y[k] != face.y[next]   ? face.y[k] > face.y[next]
                                   : face.x[k] != face.x[next] ? face.x[k] < face.x[next]
                                                               : index[k] < index[next];
      face.least_left[k] = on_line_is_left ? 0 : std::numeric_limits<double>::min();
    }
    set_slope(face);
    face.of_a = is_a ? 1 : 0;
    face.of_b = is_a ? 0 : 1;
    faces_.push_back(face);
  }

  // Lists for each tile where something may be shared the faces that reach below the ceiling of what is.
  void list_members() {
    for (Tile& tile : tiles_) {
      const double ceiling = std::min(tile.of_a.highest, tile.of_b.highest);
      if (std::max(tile.of_a.lowest, tile.of_b.lowest) < ceiling) tile.ceiling = ceiling;
    }
    for (const ColumnFace& face : faces_) {
      for_each_tile(face, [&](Tile& tile) { tile.count += face.lowest <= tile.ceiling ? 1 : 0; });
    }
    std::int32_t total = 0;
    for (Tile& tile : tiles_) {
      tile.first = total;
      total += tile.count;
      tile.count = 0;
    }
    members_.resize(static_cast<std::size_t>(total));
    for (std::size_t i = 0; i < faces_.size(); ++i) {
      for_each_tile(faces_[i], [&](Tile& tile) {
        if (faces_[i].lowest > tile.ceiling) return;
        members_[static_cast<std::size_t>(tile.first + tile.count++)] = static_cast<std::int32_t>(i);
      });
    }
  }

  void place(std::int32_t i, std::int32_t j, ColumnTile& columns) const {
    columns.first[0] = i * kTileSide;
    columns.first[1] = j * kTileSide;
    for (std::int32_t k = 0; k < kTileSide; ++k) {
      columns.x[k] = x_.at(columns.first[0] + k);
      columns.y[k] = y_.at(columns.first[1] + k);
    }
    std::fill(std::begin(columns.counts), std::end(columns.counts), 0);
  }

  // Returns the length of what both meshes fill of the tile's columns.
  double shared_length(const ColumnTile& columns) const {
    const std::int32_t end_x = std::min(kTileSide, x_.count - columns.first[0]),
                       end_y = std::min(kTileSide, y_.count - columns.first[1]);
    double length = 0;
    for (std::int32_t i = 0; i < end_x; ++i) {
      for (std::int32_t column = i * kTileSide; column < i * kTileSide + end_y; ++column) {
        std::int32_t in_a = 0, in_b = 0;
        const ColumnCrossing* crossing = columns.crossings + column;
        for (std::int32_t k = 0; k + 1 < columns.counts[column]; ++k, crossing += kTileColumns) {
          in_a += crossing->of_a;
          in_b += crossing->of_b;
          if (in_a > 0 && in_b > 0) length += crossing[kTileColumns].height - crossing->height;
        }
      }
    }
    return length;
  }

  Lattice x_, y_;
  double ceiling_;
  std::int32_t tiles_a_side_;
  std::vector<Tile> tiles_;  // (x, y)
  std::vector<ColumnFace> faces_;
  std::vector<std::int32_t> members_;  // of one tile after the other
};

}  // namespace

double intersection_volume(const TriangleMesh& a, const TriangleMesh& b, std::int64_t columns) {
  const Box of_a = box_of(a), of_b = box_of(b);
  const Box shared{{std::max(of_a.lowest.x, of_b.lowest.x), std::max(of_a.lowest.y, of_b.lowest.y),
                    std::max(of_a.lowest.z, of_b.lowest.z)},
                   {std::min(of_a.highest.x, of_b.highest.x), std::min(of_a.highest.y, of_b.highest.y),
                    std::min(of_a.highest.z, of_b.highest.z)}};
  if (!(shared.lowest.x < shared.highest.x && shared.lowest.y < shared.highest.y &&
        shared.lowest.z < shared.highest.z)) {
    return 0;
  }
  Columns lattice(shared, columns, a.faces.size() + b.faces.size());
  lattice.add(a, true);
  lattice.add(b, false);
  return lattice.shared_volume();
}

}  // namespace a2p
