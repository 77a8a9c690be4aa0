// Vectors and matrices of three dimensions.
#pragma once
#include "a2p/host_device.h"

namespace a2p {

template <typename T>
struct Vec3 {
  T x{}, y{}, z{};
};

template <typename T>
A2P_HD constexpr Vec3<T> operator+(const Vec3<T>& a, const Vec3<T>& b) noexcept {
  return {a.x + b.x, a.y + b.y, a.z + b.z};
}

template <typename T>
A2P_HD constexpr Vec3<T> operator-(const Vec3<T>& a, const Vec3<T>& b) noexcept {
  return {a.x - b.x, a.y - b.y, a.z - b.z};
}

template <typename T>
A2P_HD constexpr Vec3<T> operator-(const Vec3<T>& a) noexcept {
  return {-a.x, -a.y, -a.z};
}

template <typename T>
A2P_HD constexpr Vec3<T> operator*(T s, const Vec3<T>& a) noexcept {
  return {s * a.x, s * a.y, s * a.z};
}

template <typename T>
A2P_HD constexpr Vec3<T>& operator+=(Vec3<T>& a, const Vec3<T>& b) noexcept {
  a = a + b;
  return a;
}

template <typename T>
A2P_HD constexpr Vec3<T>& operator-=(Vec3<T>& a, const Vec3<T>& b) noexcept {
  a = a - b;
  return a;
}

template <typename T>
A2P_HD constexpr T dot(const Vec3<T>& a, const Vec3<T>& b) noexcept {
  return a.x * b.x + a.y * b.y + a.z * b.z;
}

template <typename T>
A2P_HD constexpr Vec3<T> cross(const Vec3<T>& a, const Vec3<T>& b) noexcept {
  return {a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x};
}

// A 3x3 matrix by rows.
template <typename T>
struct Mat3 {
  Vec3<T> rows[3];
};

template <typename T>
A2P_HD constexpr Mat3<T> transpose(const Mat3<T>& m) noexcept {
  return {{{m.rows[0].x, m.rows[1].x, m.rows[2].x},
           {m.rows[0].y, m.rows[1].y, m.rows[2].y},
           {m.rows[0].z, m.rows[1].z, m.rows[2].z}}};
}

template <typename T>
A2P_HD constexpr Vec3<T> operator*(const Mat3<T>& m, const Vec3<T>& a) noexcept {
  return {dot(m.rows[0], a), dot(m.rows[1], a), dot(m.rows[2], a)};
}

template <typename T>
A2P_HD constexpr Mat3<T> operator*(const Mat3<T>& a, const Mat3<T>& b) noexcept {
  const Mat3<T> columns = transpose(b);
  return {{columns * a.rows[0], columns * a.rows[1], columns * a.rows[2]}};
}

template <typename T>
A2P_HD constexpr Mat3<T>& operator+=(Mat3<T>& a, const Mat3<T>& b) noexcept {
  for (int row = 0; row < 3; ++row) a.rows[row] += b.rows[row];
  return a;
}

// Returns a b^T.
template <typename T>
A2P_HD constexpr Mat3<T> outer(const Vec3<T>& a, const Vec3<T>& b) noexcept {
  return {{a.x * b, a.y * b, a.z * b}};
}

}  // namespace a2p
