// Arrays that come from Python, checked once, with errors that name the argument.
#pragma once
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace a2p::bindings {

namespace py = pybind11;

// One axis of a required shape: a number, or a letter for any length.
struct Axis {
  Axis(int length) : length(length) {}                      // NOLINT: reads well in a shape
  Axis(py::ssize_t length) : length(length) {}              // NOLINT
  Axis(const char* letter) : length(-1), letter(letter) {}  // NOLINT

  py::ssize_t length;
  const char* letter = nullptr;
};

// Raises a2p.errors.ShapeError with the GIL held.
[[noreturn]] inline void raise_shape_error(const std::string& message) {
  const py::object type = py::module_::import("a2p.errors").attr("ShapeError");
  PyErr_SetString(type.ptr(), message.c_str());
  throw py::error_already_set();
}

inline std::string shape_text(std::initializer_list<Axis> shape) {
  std::string text = "(";
  for (const Axis& axis : shape) {
    if (text.size() > 1) text += ", ";
    text += axis.letter != nullptr ? std::string(axis.letter) : std::to_string(axis.length);
  }
  return text + (shape.size() == 1 ? ",)" : ")");
}

inline std::string shape_text(const py::array& array) {
  std::string text = "(";
  for (py::ssize_t axis = 0; axis < array.ndim(); ++axis) {
    if (axis > 0) text += ", ";
    text += std::to_string(array.shape(axis));
  }
  return text + (array.ndim() == 1 ? ",)" : ")");
}

// A C-contiguous array of T, kept alive while this lives. Destroy it with the GIL held.
template <typename T>
class Input {
 public:
  explicit Input(py::array array) : array_(std::move(array)), data_(static_cast<const T*>(array_.data())) {}

  const T* data() const noexcept { return data_; }
  std::size_t size() const { return static_cast<std::size_t>(array_.size()); }
  std::int64_t length(int axis) const { return array_.shape(axis); }
  std::span<const T> span() const { return {data_, size()}; }

 private:
  py::array array_;
  const T* data_;
};

namespace detail {

template <typename T>
std::string dtype_name() {
  return py::str(py::dtype::of<T>().attr("name"));
}

// Numpy's view of `object`; anything but numpy goes through DLPack, without a copy.
inline py::array as_numpy(py::handle object, std::string_view name) {
  if (py::isinstance<py::array>(object)) return py::reinterpret_borrow<py::array>(object);
  if (!py::hasattr(object, "__dlpack__")) {
    raise_shape_error(std::string(name) + " must be a numpy array or support DLPack; got " +
                      std::string(py::str(py::type::of(object).attr("__name__"))) + ". Wrap it with numpy.asarray.");
  }
  try {
    return py::module_::import("numpy").attr("from_dlpack")(object);
  } catch (const py::error_already_set& error) {
    raise_shape_error(std::string(name) +
                      " must be an array in CPU memory that needs no gradient; DLPack refused it: " +
                      std::string(py::str(error.value())) + " Use tensor.detach().cpu().");
  }
}

}  // namespace detail

// Returns `object` as an array of T and of the given shape, without a copy; `name` is the argument's.
template <typename T>
Input<T> as_input(py::handle object, std::string_view name, std::initializer_list<Axis> shape) {
  py::array array = detail::as_numpy(object, name);
  bool fits = array.ndim() == static_cast<py::ssize_t>(shape.size());
  py::ssize_t axis = 0;
  for (const Axis& wanted : shape) {
    fits = fits && (wanted.length < 0 || array.shape(axis) == wanted.length);
    ++axis;
  }
  if (!fits) {
    raise_shape_error(std::string(name) + " must have shape " + shape_text(shape) + "; got " + shape_text(array) +
                      ". Reshape it, or add the missing batch axis.");
  }
  if (!array.dtype().is(py::dtype::of<T>()) && !array.dtype().equal(py::dtype::of<T>())) {
    const std::string wanted = detail::dtype_name<T>();
    raise_shape_error(std::string(name) + " must be " + wanted + "; got " +
                      std::string(py::str(array.dtype().attr("name"))) + ". Convert it to " + wanted + ".");
  }
  if ((array.flags() & py::array::c_style) == 0) {
    raise_shape_error(std::string(name) +
                      " must be C-contiguous; got strides that are not. "
                      "Call numpy.ascontiguousarray or tensor.contiguous() first.");
  }
  return Input<T>(std::move(array));
}

// Raises unless every element is finite.
template <typename T>
void require_finite(const Input<T>& input, std::string_view name) {
  using Bits = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;
  constexpr Bits kExponent = std::bit_cast<Bits>(std::numeric_limits<T>::infinity());
  Bits is_bad = 0;  // without a branch, so that it runs on vectors
  for (const T value : input.span()) is_bad |= Bits{(std::bit_cast<Bits>(value) & kExponent) == kExponent};
  if (is_bad == 0) return;
  for (std::size_t i = 0; i < input.size(); ++i) {
    if (!std::isfinite(input.data()[i])) {
      raise_shape_error(std::string(name) + " must be finite; got " + std::to_string(input.data()[i]) +
                        " at flat index " + std::to_string(i) + ". Remove NaN and infinity first.");
    }
  }
}

// Positions farther from the origin than this (m) overflow the kernels' products in float.
inline constexpr float kFarthest = 1e9F;

// Raises unless every element is finite and at most kFarthest from zero.
inline void require_positions(const Input<float>& input, std::string_view name) {
  bool all = true;
  for (const float value : input.span()) all = all && std::abs(value) <= kFarthest;
  if (all) return;
  require_finite(input, name);
  raise_shape_error(std::string(name) +
                    " must be finite and lie within 1e9 m of the origin; got an element beyond. Give metres, near the "
                    "origin.");
}

// Raises unless every element lies in [0, bound).
template <typename T>
void require_indices(const Input<T>& input, std::string_view name, std::int64_t bound) {
  for (std::size_t i = 0; i < input.size(); ++i) {
    if (input.data()[i] < 0 || input.data()[i] >= bound) {
      raise_shape_error(std::string(name) + " must be indices in [0, " + std::to_string(bound) + "); got " +
                        std::to_string(input.data()[i]) + " at flat index " + std::to_string(i) +
                        ". Number vertices from 0.");
    }
  }
}

// Raises unless `input` is as long along `axis` as `other` is along `other_axis`.
template <typename T, typename U>
void require_same_length(const Input<T>& input, std::string_view name, int axis, const Input<U>& other,
                         std::string_view other_name, int other_axis) {
  if (input.length(axis) == other.length(other_axis)) return;
  raise_shape_error(std::string(name) + " must be as long in axis " + std::to_string(axis) + " as " +
                    std::string(other_name) + " in axis " + std::to_string(other_axis) + "; got " +
                    std::to_string(input.length(axis)) + " and " + std::to_string(other.length(other_axis)) +
                    ". Give both for the same batch and mesh.");
}

// Returns a new array of T that the caller fills.
template <typename T>
py::array_t<T> make_output(std::initializer_list<py::ssize_t> shape) {
  return py::array_t<T>(std::vector<py::ssize_t>(shape));
}

// Returns `threads`, which must not be negative.
inline std::int32_t as_threads(int threads) {
  if (threads < 0) {
    throw py::value_error("threads must be at least 0; got " + std::to_string(threads) + ". Use 0 for the default.");
  }
  return threads;
}

}  // namespace a2p::bindings
