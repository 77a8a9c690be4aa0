// Exact decisions about a vertical line and a triangle's edges. Include it only where -ffp-contract=off (CUDA:
// -fmad=false) holds: a contracted product is no longer the one its error is computed for.
#pragma once
#include "a2p/host_device.h"
#include "a2p/vec3.h"

namespace a2p {

// Returns the sign of the exact sum of six doubles.
// Method: J. R. Shewchuk, "Adaptive precision floating-point arithmetic", DCG 1997, grow-expansion.
A2P_HD int sign_of_sum(const double (&terms)[6]) noexcept {
  double parts[6];
  int count = 0;
  for (const double term : terms) {
    double carry = term;
    for (int i = 0; i < count; ++i) {
      const double sum = carry + parts[i];
      const double shadow = sum - carry;
      parts[i] = (carry - (sum - shadow)) + (parts[i] - shadow);
      carry = sum;
    }
    parts[count++] = carry;
  }
  for (int i = count - 1; i >= 0; --i) {
    if (parts[i] != 0) return parts[i] > 0 ? 1 : -1;
  }
  return 0;
}

// Returns whether the edge from a to b passes the point p on its right (seen from +z, turning left about p).
// A tie is decided as if p lay at (x + e, y + e^2) with an infinitesimal e, corners with the same x and y by their
// index; so exchanging a and b always negates the answer, and the answers about one p are those of a point in
// general position. Requires coordinates whose products neither overflow nor underflow a double.
A2P_HD bool turns_left(const Vec3<float>& p, const Vec3<float>& a, int index_a, const Vec3<float>& b,
                       int index_b) noexcept {
  const double px = p.x, py = p.y, ax = a.x, ay = a.y, bx = b.x, by = b.y;
  const double terms[6] = {ax * by, -(ay * bx), py * bx, -(py * ax), px * ay, -(px * by)};
  const int sign = sign_of_sum(terms);
  if (sign != 0) return sign > 0;
  if (ay != by) return ay > by;
  if (ax != bx) return ax < bx;
  return index_a < index_b;
}

// How the vertical line through a point meets a face: leaving the solid (+1, the face looks up), entering it (-1),
// or not at all (0), and whether the face is above the point.
struct Crossing {
  int direction = 0;
  bool is_above = false;
};

// A point on the face itself counts as lying on its outer side. A face whose corners are one vertex is never met.
A2P_HD Crossing cross_face(const Vec3<float>& p, const Vec3<float> (&corners)[3], const int (&indices)[3]) noexcept {
  int left = 0;
  double edges[3], heights[3];
  for (int k = 0; k < 3; ++k) {
    const int next = k == 2 ? 0 : k + 1;
    const Vec3<float>&a = corners[k], &b = corners[next];
    left += turns_left(p, a, indices[k], b, indices[next]) ? 1 : 0;
    edges[k] = (double{a.x} - p.x) * (double{b.y} - p.y) - (double{a.y} - p.y) * (double{b.x} - p.x);
    heights[k] = double{a.z} - p.z;
  }
  const bool is_vertex = indices[0] == indices[1] && indices[1] == indices[2];
  if ((left != 0 && left != 3) || is_vertex) return {};
  const double height = edges[1] * heights[0] + edges[2] * heights[1] + edges[0] * heights[2];
  return left == 3 ? Crossing{1, height > 0} : Crossing{-1, height <= 0};
}

}  // namespace a2p
