// Registers PictureRenderer: batches of training pictures with labels.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/typing.h>

#include <string>
#include <utility>
#include <vector>

#include "a2p/picture/render.h"
#include "arrays.h"

namespace py = pybind11;
using namespace py::literals;
using a2p::bindings::as_input;
using a2p::bindings::Input;
using a2p::bindings::make_output;
namespace picture = a2p::picture;

namespace {

using Arrays = py::typing::Dict<py::str, py::array>;
using ArrayList = py::typing::List<py::array>;
using Times = py::typing::Dict<py::str, py::float_>;
using Bytes = py::array_t<std::uint8_t>;

void register_scene_dtype() {
  using namespace a2p::picture;  // NOLINT: the macros name fields of many types
  PYBIND11_NUMPY_DTYPE(Finish, colour, second, pattern, scale, gloss);
  PYBIND11_NUMPY_DTYPE(Wear, present, is_gloved, glove, ring_finger, ring_begin, ring_end, ring);
  PYBIND11_NUMPY_DTYPE(Arm, direction, length, growth, sleeve_begin, sleeve_loose, sleeve_folds, sleeve_phase, sleeve,
                       band_begin, band_width, band_height, band);
  PYBIND11_NUMPY_DTYPE(Solid, kind, centre, axes, half_size, finish);
  PYBIND11_NUMPY_DTYPE(Skin, back, palm, nail, mottle, redness, creases, veins, relief, gloss, softness, hair);
  PYBIND11_NUMPY_DTYPE(Light, to_key, key, key_radius, to_fill, fill, up, sky, ground, occlusion);
  PYBIND11_NUMPY_DTYPE(Patch, kind, x, y, half_width, half_height, cosine, sine, softness, shade, finish);
  PYBIND11_NUMPY_DTYPE(Background, photo, photo_x, photo_y, photo_u, photo_v, tint, top, bottom, finish, cosine, sine,
                       blur, receives_shadow, surface, surface_gap, patches);
  PYBIND11_NUMPY_DTYPE(Optics, exposure, white_balance, vignette, defocus, motion_x, motion_y, shrink, read_noise,
                       shot_noise, noise_grain, noise_chroma, contrast, saturation, lift, sharpen, jpeg_quality);
  PYBIND11_NUMPY_DTYPE(Scene, fx, fy, cx, cy, phase, wear, arms, solids, skin, light, background, optics);
}

std::vector<picture::Point> as_points(const Input<float>& input) {
  std::vector<picture::Point> points(input.size() / 3);
  for (std::size_t i = 0; i < points.size(); ++i) {
    points[i] = {input.data()[3 * i], input.data()[3 * i + 1], input.data()[3 * i + 2]};
  }
  return points;
}

picture::HandLook as_look(const Arrays& given) {
  const auto faces = as_input<std::int32_t>(given["faces"], "faces", {"f", 3});
  const auto loop = as_input<std::int32_t>(given["wrist_loop"], "wrist_loop", {"l"});
  const auto rest = as_input<float>(given["rest"], "rest", {"v", 3});
  const auto palmar = as_input<float>(given["palmar"], "palmar", {rest.length(0)});
  const auto relief = as_input<float>(given["relief"], "relief", {rest.length(0)});
  const auto joint = as_input<std::uint8_t>(given["joint"], "joint", {rest.length(0)});
  const auto bones = as_input<float>(given["ring_bones"], "ring_bones", {10, 3});
  a2p::bindings::require_indices(faces, "faces", rest.length(0));
  a2p::bindings::require_indices(loop, "wrist_loop", rest.length(0));
  picture::HandLook look;
  for (std::int64_t f = 0; f < faces.length(0); ++f) {
    look.faces.push_back({faces.data()[3 * f], faces.data()[3 * f + 1], faces.data()[3 * f + 2]});
  }
  look.wrist_loop.assign(loop.span().begin(), loop.span().end());
  look.rest = as_points(rest);
  look.palmar.assign(palmar.span().begin(), palmar.span().end());
  look.relief.assign(relief.span().begin(), relief.span().end());
  look.joint.assign(joint.span().begin(), joint.span().end());
  const auto ends = as_points(bones);
  std::copy(ends.begin(), ends.end(), look.ring_bones.begin());
  picture::set_other_bones(look);
  return look;
}

picture::SkinMap as_skin_map(py::handle texels_in, float x, float z, float texels_per_metre) {
  const auto texels = as_input<float>(texels_in, "skin_maps", {2, "n", "n", 4});
  picture::SkinMap map{static_cast<std::int32_t>(texels.length(1)), x, z, texels_per_metre, {}};
  if (texels.length(1) != texels.length(2) || map.side < 2) throw py::value_error("skin_maps must be square.");
  map.texels.resize(texels.size() / 4);
  std::copy(texels.data(), texels.data() + texels.size(), map.texels.front().data());
  return map;
}

picture::Photo as_photo(py::handle photo_in) {
  const auto photo = as_input<std::uint8_t>(photo_in, "photos", {"h", "w", 3});
  if (photo.length(0) < 2 || photo.length(1) < 2) {
    throw py::value_error("photos must be at least 2 px a side; got " + std::to_string(photo.length(1)) + " x " +
                          std::to_string(photo.length(0)) + ". Leave the smaller ones out.");
  }
  return {static_cast<std::int32_t>(photo.length(1)),
          static_cast<std::int32_t>(photo.length(0)),
          {photo.span().begin(), photo.span().end()}};
}

// A batch of every array that one picture needs, checked.
struct Batch {
  Input<float> vertices, joints, keypoints;
  Input<std::uint32_t> seeds;
};

std::span<const picture::Point> points_of(const Input<float>& input, std::int64_t image, int hand) {
  static_assert(sizeof(picture::Point) == 3 * sizeof(float));
  const std::int64_t count = input.length(2);
  return {reinterpret_cast<const picture::Point*>(input.data()) + (2 * image + hand) * count,
          static_cast<std::size_t>(count)};
}

Times as_dict(const picture::StageTimes& times) {
  Times stages;
  stages["geometry"] = times.geometry;
  stages["visibility"] = times.visibility;
  stages["shadow"] = times.shadow;
  stages["background"] = times.background;
  stages["shading"] = times.shading;
  stages["optics"] = times.optics;
  stages["labels"] = times.labels;
  return stages;
}

class PictureRenderer {
 public:
  PictureRenderer(const Arrays& right, const Arrays& left, const ArrayList& skin_maps, float x, float z,
                  float texels_per_metre, const ArrayList& photos) {
    looks_.hands = {as_look(right), as_look(left)};
    if (looks_.hands[0].rest.size() != looks_.hands[1].rest.size()) {
      throw py::value_error("both hands must have as many vertices. Load them from one model.");
    }
    if (skin_maps.empty()) throw py::value_error("skin_maps must hold at least one level.");
    for (const py::handle map : skin_maps) {
      looks_.skin.push_back(as_skin_map(map, x, z, texels_per_metre));
      texels_per_metre *= 0.5F;
    }
    for (const py::handle photo : photos) looks_.photos.push_back(as_photo(photo));
  }

  py::typing::Tuple<Bytes, Bytes, py::array_t<float>, Bytes, Times> render(const py::array& scenes, py::handle vertices,
                                                                           py::handle joints, py::handle keypoints,
                                                                           py::handle seeds, std::int32_t width,
                                                                           std::int32_t height, int threads) const {
    const std::int64_t count = scenes.ndim() == 1 ? scenes.shape(0) : -1;
    if (count < 0 || !scenes.dtype().equal(py::dtype::of<picture::Scene>()) ||
        (scenes.flags() & py::array::c_style) == 0) {
      a2p::bindings::raise_shape_error(
          "scenes must be a contiguous array of shape (b,) and of PictureRenderer.scene_dtype(); got " +
          std::string(py::str(scenes.dtype())) + ". Make it with numpy.zeros(b, dtype).");
    }
    const Batch batch{
        as_input<float>(vertices, "vertices", {count, 2, static_cast<py::ssize_t>(looks_.hands[0].rest.size()), 3}),
        as_input<float>(joints, "joints", {count, 2, picture::kJointCount, 3}),
        as_input<float>(keypoints, "keypoints", {count, 2, picture::kKeypointCount, 3}),
        as_input<std::uint32_t>(seeds, "seeds", {count})};
    const auto* first = static_cast<const picture::Scene*>(scenes.data());
    check(batch, first, count, width, height);
    auto rgb = make_output<std::uint8_t>({count, height, width, 3});
    auto label = make_output<std::uint8_t>({count, height, width});
    auto depth = make_output<float>({count, height, width});
    auto visible = make_output<std::uint8_t>({count, 2, picture::kKeypointCount});
    std::vector<picture::Job> jobs(static_cast<std::size_t>(count));
    const auto pixels = static_cast<std::size_t>(width) * static_cast<std::size_t>(height);
    for (std::int64_t i = 0; i < count; ++i) {
      const auto k = static_cast<std::size_t>(i);
      jobs[k] = {first + i,
                 batch.seeds.data()[i],
                 {points_of(batch.vertices, i, 0), points_of(batch.vertices, i, 1)},
                 {points_of(batch.joints, i, 0), points_of(batch.joints, i, 1)},
                 {points_of(batch.keypoints, i, 0), points_of(batch.keypoints, i, 1)},
                 {rgb.mutable_data() + 3 * pixels * k, 3 * pixels},
                 {label.mutable_data() + pixels * k, pixels},
                 {depth.mutable_data() + pixels * k, pixels},
                 {visible.mutable_data() + 2 * picture::kKeypointCount * k, 2 * picture::kKeypointCount}};
    }
    const std::int32_t lanes = a2p::bindings::as_threads(threads);
    picture::StageTimes times;
    {
      py::gil_scoped_release nogil;  // no Python object is touched in this block
      times = picture::render(looks_, jobs, width, height, lanes);
    }
    return py::make_tuple(rgb, label, depth, visible, as_dict(times));
  }

 private:
  void check(const Batch& batch, const picture::Scene* scenes, std::int64_t count, std::int32_t width,
             std::int32_t height) const {
    for (const std::int32_t side : {width, height}) {
      if (side >= 8 && side <= picture::kMaxSide) continue;
      throw py::value_error("width and height must lie in [8, " + std::to_string(picture::kMaxSide) + "]; got " +
                            std::to_string(side) + ". Render a crop.");
    }
    a2p::bindings::require_finite(batch.vertices, "vertices");
    a2p::bindings::require_finite(batch.joints, "joints");
    a2p::bindings::require_finite(batch.keypoints, "keypoints");
    const auto* numbers = reinterpret_cast<const float*>(scenes);
    for (std::size_t i = 0; i < static_cast<std::size_t>(count) * sizeof(picture::Scene) / sizeof(float); ++i) {
      if (!std::isfinite(numbers[i])) throw py::value_error("scenes must be finite; got NaN or infinity.");
    }
    for (std::int64_t i = 0; i < count; ++i) {
      const float photo = scenes[i].background.photo;
      if (photo >= static_cast<float>(looks_.photos.size())) {
        throw py::value_error("background.photo must be below " + std::to_string(looks_.photos.size()) +
                              ", the number of photos; got " + std::to_string(photo) + ". Use -1 for none.");
      }
    }
  }

  picture::Looks looks_;
};

}  // namespace

void register_picture(py::module_& m) {
  register_scene_dtype();
  py::class_<PictureRenderer>(m, "PictureRenderer", "Renders training pictures of two hands. See a2p/picture/render.h.")
      .def(py::init<const Arrays&, const Arrays&, const ArrayList&, float, float, float, const ArrayList&>(), "right"_a,
           "left"_a, py::kw_only(), "skin_maps"_a, "x"_a, "z"_a, "texels_per_metre"_a, "photos"_a)
      .def_static(
          "scene_dtype", [] { return py::dtype::of<picture::Scene>(); },
          "The dtype of one scene; see a2p/picture/scene.h.")
      .def("render", &PictureRenderer::render, "scenes"_a, "vertices"_a, "joints"_a, "keypoints"_a, "seeds"_a,
           py::kw_only(), "width"_a, "height"_a, "threads"_a = 0,
           "Returns rgb (b, h, w, 3) and label (b, h, w) uint8, depth (b, h, w) float32, visible (b, 2, 21) uint8 and "
           "milliseconds by stage.");
}
