// Reads arrays in device memory through __cuda_array_interface__: nothing is copied, no framework is linked.
#pragma once
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "arrays.h"

namespace a2p::bindings {

template <typename T>
const char* device_typestr() {
  if constexpr (std::is_same_v<T, float>) return "<f4";
  if constexpr (std::is_same_v<T, double>) return "<f8";
  if constexpr (std::is_same_v<T, std::int32_t>) return "<i4";
  if constexpr (std::is_same_v<T, std::uint8_t>) return "|u1";
}

// A C-contiguous array of T in device memory. It borrows: the Python object must outlive it.
template <typename T>
class DeviceArray {
 public:
  DeviceArray(T* data, std::vector<std::int64_t> shape) : data_(data), shape_(std::move(shape)) {}

  T* data() const noexcept { return data_; }
  std::int64_t length(int axis) const { return shape_[static_cast<std::size_t>(axis)]; }

 private:
  T* data_;
  std::vector<std::int64_t> shape_;
};

// Returns `object`, such as a torch or CuPy array on a CUDA device, as an array of T and of the given shape.
template <typename T>
DeviceArray<T> as_device_array(py::handle object, std::string_view name, std::initializer_list<Axis> shape) {
  const std::string argument(name);
  if (!py::hasattr(object, "__cuda_array_interface__")) {
    raise_shape_error(argument + " must be an array in CUDA memory (with __cuda_array_interface__); got " +
                      std::string(py::str(py::type::of(object).attr("__name__"))) +
                      ". Move it to the device, and detach it from autograd.");
  }
  const auto interface = py::cast<py::dict>(object.attr("__cuda_array_interface__"));
  const auto got = py::cast<std::vector<std::int64_t>>(interface["shape"]);
  bool fits = got.size() == shape.size();
  std::size_t axis = 0;
  for (const Axis& wanted : shape) {
    fits = fits && (wanted.length < 0 || got[axis] == wanted.length);
    ++axis;
  }
  if (!fits) {
    raise_shape_error(argument + " must have shape " + shape_text(shape) + "; got " +
                      std::string(py::str(interface["shape"])) + ". Reshape it, or add the missing batch axis.");
  }
  const auto typestr = py::cast<std::string>(interface["typestr"]);
  if (typestr != device_typestr<T>()) {
    raise_shape_error(argument + " must have the type " + device_typestr<T>() + "; got " + typestr +
                      ". Convert it first.");
  }
  if (interface.contains("strides") && !interface["strides"].is_none()) {
    const auto strides = py::cast<std::vector<std::int64_t>>(interface["strides"]);
    std::int64_t expected = sizeof(T);
    for (std::size_t i = got.size(); i-- > 0; expected *= got[i]) {
      if (got[i] > 1 && strides[i] != expected) {
        raise_shape_error(argument + " must be C-contiguous; got strides that are not. Call .contiguous() first.");
      }
    }
  }
  const auto pointer = py::cast<std::uintptr_t>(py::cast<py::tuple>(interface["data"])[0]);
  return {reinterpret_cast<T*>(pointer), got};
}

}  // namespace a2p::bindings
