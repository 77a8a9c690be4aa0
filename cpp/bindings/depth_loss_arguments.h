// Reads the arguments that choose a DepthLoss.
#pragma once
#include <pybind11/pybind11.h>

#include <cmath>
#include <string>

#include "a2p/depth_loss.h"

namespace a2p::bindings {

inline DepthLoss as_loss(const std::string& kind, double scale) {
  if (!(std::isfinite(scale) && scale > 0)) {
    throw pybind11::value_error("scale must be a positive depth in metres; got " + std::to_string(scale) +
                                ". Try 1e-3.");
  }
  if (kind == "squared") return {DepthLossKind::kSquared, scale};
  if (kind == "huber") return {DepthLossKind::kHuber, scale};
  if (kind == "gmof") return {DepthLossKind::kGmof, scale};
  throw pybind11::value_error("loss must be 'squared', 'huber' or 'gmof'; got '" + kind + "'.");
}

}  // namespace a2p::bindings
