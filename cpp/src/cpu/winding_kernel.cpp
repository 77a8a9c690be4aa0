// Solid angles of many faces about a few points; compiled once per instruction set. Plain loops over the points, which
// the compiler turns into vectors.
#include "cpu/winding_kernel.h"

namespace a2p::A2P_ISA_NAMESPACE {
namespace {

constexpr int kPoints = kWindingPoints;
constexpr int kFacesBetweenScalings = 8;

void see(const Vec3<double>& vertex, const Vec3<double>* points, SeenVertex& seen) {
  for (int i = 0; i < kPoints; ++i) {
    const double x = vertex.x - points[i].x, y = vertex.y - points[i].y, z = vertex.z - points[i].z;
    seen.x[i] = x;
    seen.y[i] = y;
    seen.z[i] = z;
    seen.length[i] = __builtin_sqrt(x * x + y * y + z * z);
  }
}

// Half the solid angles so far: the angle of a complex number, and how often it has gone round. So no angle is computed
// before the end.
struct alignas(64) Turn {
  double real[kPoints], imaginary[kPoints], rounds[kPoints];
};

// Turns by the angle of (spread, volume), which is half the face's solid angle.
void turn_by_face(const SeenVertex& a, const SeenVertex& b, const SeenVertex& c, Turn& turn) {
  for (int i = 0; i < kPoints; ++i) {
    const double volume = a.x[i] * (b.y[i] * c.z[i] - b.z[i] * c.y[i]) + a.y[i] * (b.z[i] * c.x[i] - b.x[i] * c.z[i]) +
                          a.z[i] * (b.x[i] * c.y[i] - b.y[i] * c.x[i]);
    const double ab = a.x[i] * b.x[i] + a.y[i] * b.y[i] + a.z[i] * b.z[i];
    const double bc = b.x[i] * c.x[i] + b.y[i] * c.y[i] + b.z[i] * c.z[i];
    const double ca = c.x[i] * a.x[i] + c.y[i] * a.y[i] + c.z[i] * a.z[i];
    const double sum = a.length[i] * b.length[i] * c.length[i] + ab * c.length[i] + bc * a.length[i] + ca * b.length[i];
    const double spread = sum == 0 && volume == 0 ? 1 : sum;  // seen from a corner: no angle
    const double real = turn.real[i] * spread - turn.imaginary[i] * volume;
    const double imaginary = turn.real[i] * volume + turn.imaginary[i] * spread;
    const double ahead = volume >= 0 && turn.imaginary[i] >= 0 && imaginary < 0 ? 1 : 0;
    const double back = volume < 0 && turn.imaginary[i] < 0 && imaginary >= 0 ? 1 : 0;
    turn.rounds[i] += ahead - back;
    turn.real[i] = real;
    turn.imaginary[i] = imaginary;
  }
}

void scale_to_one(Turn& turn) {
  for (int i = 0; i < kPoints; ++i) {
    const double size = __builtin_fabs(turn.real[i]) + __builtin_fabs(turn.imaginary[i]);
    turn.real[i] /= size;
    turn.imaginary[i] /= size;
  }
}

}  // namespace

void wind(const Vec3<double>* vertices, std::int64_t vertex_count, const Vec3<std::int64_t>* faces,
          std::int64_t face_count, const Vec3<double>* points, SeenVertex* seen, double* half_turns) noexcept {
  for (std::int64_t i = 0; i < vertex_count; ++i) see(vertices[i], points, seen[i]);
  Turn turn{};
  for (double& real : turn.real) real = 1;
  for (std::int64_t i = 0; i < face_count; ++i) {
    turn_by_face(seen[faces[i].x], seen[faces[i].y], seen[faces[i].z], turn);
    if (i % kFacesBetweenScalings == kFacesBetweenScalings - 1) scale_to_one(turn);
  }
  constexpr double kHalfTurn = 3.141592653589793;
  for (int i = 0; i < kPoints; ++i) {
    half_turns[i] = __builtin_atan2(turn.imaginary[i], turn.real[i]) / kHalfTurn + 2 * turn.rounds[i];
  }
}

}  // namespace a2p::A2P_ISA_NAMESPACE
