// Registers rasterize and resolve: images of meshes.
#include <pybind11/pybind11.h>

#include <array>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "a2p/raster_resolve.h"
#include "a2p/rasterize.h"
#include "arrays.h"

namespace py = pybind11;
using namespace py::literals;
using a2p::bindings::as_input;
using a2p::bindings::Input;
using a2p::bindings::make_output;

namespace {

using Triple = std::array<float, 3>;
using Face = std::array<std::int32_t, 3>;

// The rows of a contiguous array whose last axis is 3, starting at row `begin`.
template <typename Row, typename T>
std::span<const Row> rows_of(const Input<T>& input, std::int64_t begin, std::int64_t count) {
  static_assert(sizeof(Row) == 3 * sizeof(T));
  return {reinterpret_cast<const Row*>(input.data()) + begin, static_cast<std::size_t>(count)};
}

template <typename T>
std::span<T> slice(T* data, std::int64_t begin, std::int64_t count) {
  return {data + begin, static_cast<std::size_t>(count)};
}

void require_size(std::int64_t side, const char* name) {
  if (side >= 1 && side <= a2p::RasterImage::kMaxSide) return;
  throw py::value_error(std::string(name) + " must lie in [1, " + std::to_string(a2p::RasterImage::kMaxSide) +
                        "]; got " + std::to_string(side) + ". Render a part of the image.");
}

std::tuple<py::array_t<std::int32_t>, py::array_t<float>, py::array_t<float>> rasterize(
    py::handle vertices_in, py::handle faces_in, py::handle cameras_in, std::int32_t width, std::int32_t height,
    double near, int threads) {
  const auto vertices = as_input<float>(vertices_in, "vertices", {"b", "v", 3});
  const auto faces = as_input<std::int32_t>(faces_in, "faces", {"f", 3});
  const auto cameras = as_input<double>(cameras_in, "cameras", {vertices.length(0), 4});
  a2p::bindings::require_finite(vertices, "vertices");  // any size: faces are clipped without overflow
  a2p::bindings::require_finite(cameras, "cameras");
  a2p::bindings::require_indices(faces, "faces", vertices.length(1));
  require_size(width, "width");
  require_size(height, "height");
  if (!(near > 0.0)) throw py::value_error("near must be positive; got " + std::to_string(near) + ". Use 0.01.");
  const std::int32_t thread_limit = a2p::bindings::as_threads(threads);
  const std::int64_t batch = vertices.length(0), count = vertices.length(1);
  const std::int64_t pixels = std::int64_t{width} * height;
  auto face = make_output<std::int32_t>({batch, height, width});
  auto weights = make_output<float>({batch, height, width, 3});
  auto depth = make_output<float>({batch, height, width});
  std::vector<a2p::RasterJob> jobs(static_cast<std::size_t>(batch));
  for (std::int64_t i = 0; i < batch; ++i) {
    const double* camera = cameras.data() + 4 * i;
    auto* triples = reinterpret_cast<Triple*>(weights.mutable_data());
    jobs[static_cast<std::size_t>(i)] = {
        {rows_of<Triple>(vertices, i * count, count), rows_of<Face>(faces, 0, faces.length(0))},
        {camera[0], camera[1], camera[2], camera[3]},
        {width, height, slice(face.mutable_data(), i * pixels, pixels), slice(triples, i * pixels, pixels),
         slice(depth.mutable_data(), i * pixels, pixels)}};
  }
  {
    py::gil_scoped_release nogil;  // no Python object is touched in this block
    a2p::rasterize(jobs, near, thread_limit);
  }
  return {std::move(face), std::move(weights), std::move(depth)};
}

py::array_t<float> resolve(py::handle faces_in, py::handle values_in, py::handle face_in, py::handle weights_in,
                           std::int32_t samples, int threads) {
  const auto values = as_input<float>(values_in, "values", {"b", "v", "c"});
  const auto faces = as_input<std::int32_t>(faces_in, "faces", {"f", 3});
  const auto face = as_input<std::int32_t>(face_in, "face", {values.length(0), "h", "w"});
  const auto weights = as_input<float>(weights_in, "weights", {face.length(0), face.length(1), face.length(2), 3});
  a2p::bindings::require_indices(faces, "faces", values.length(1));
  const std::int64_t batch = face.length(0), channels = values.length(2);
  if (samples < 1 || face.length(1) % samples != 0 || face.length(2) % samples != 0) {
    throw py::value_error("samples must be at least 1 and divide the raster's height and width; got " +
                          std::to_string(samples) + ". Rasterize at samples times the output's size.");
  }
  for (const std::int32_t seen : face.span()) {
    if (seen >= a2p::RasterImage::kNoFace && seen < faces.length(0)) continue;
    throw py::value_error("face must hold indices of faces, or -1; got " + std::to_string(seen) +
                          ". Give the faces that were rasterized.");
  }
  const std::int32_t thread_limit = a2p::bindings::as_threads(threads);
  const std::int64_t height = face.length(1) / samples, width = face.length(2) / samples;
  const std::int64_t pixels = height * width, sampled = pixels * samples * samples;
  auto output = make_output<float>({batch, height, width, channels});
  std::vector<a2p::ResolveJob> jobs(static_cast<std::size_t>(batch));
  for (std::int64_t i = 0; i < batch; ++i) {
    const std::int64_t per_image = values.length(1) * channels;
    jobs[static_cast<std::size_t>(i)] = {
        rows_of<Face>(faces, 0, faces.length(0)), slice(values.data(), i * per_image, per_image),
        slice(face.data(), i * sampled, sampled), rows_of<Triple>(weights, i * sampled, sampled),
        slice(output.mutable_data(), i * pixels * channels, pixels * channels)};
  }
  {
    py::gil_scoped_release nogil;  // no Python object is touched in this block
    a2p::resolve(jobs,
                 {static_cast<std::int32_t>(width), static_cast<std::int32_t>(height),
                  static_cast<std::int32_t>(channels), samples},
                 thread_limit);
  }
  return output;
}

}  // namespace

void register_rasterize(py::module_& m) {
  m.def("rasterize", &rasterize, "vertices"_a, "faces"_a, "cameras"_a, py::kw_only(), "width"_a, "height"_a, "near"_a,
        "threads"_a = 0,
        "Returns face (b, h, w) int32, weights (b, h, w, 3) and depth (b, h, w) float32. See a2p/rasterize.h.");
  m.def("resolve", &resolve, "faces"_a, "values"_a, "face"_a, "weights"_a, py::kw_only(), "samples"_a, "threads"_a = 0,
        "Returns pixel values (b, h, w, c) float32. See a2p/raster_resolve.h.");
}
