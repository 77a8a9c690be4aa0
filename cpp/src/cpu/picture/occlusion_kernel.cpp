#include "cpu/picture/occlusion_kernel.h"

namespace a2p::A2P_ISA_NAMESPACE {
namespace {

[[gnu::always_inline]] inline float least(float a, float b) noexcept { return b < a ? b : a; }
[[gnu::always_inline]] inline float most(float a, float b) noexcept { return a < b ? b : a; }

}  // namespace

void add_hidden(const picture::Hider& sphere, const float* share, std::int64_t begin, std::int64_t end,
                std::int64_t count, float* planes) noexcept {
  const float* __restrict weight = share;
  const float *x = planes, *y = x + count, *z = y + count, *nx = z + count, *ny = nx + count, *nz = ny + count;
  float* __restrict sum = planes + 6 * count;
  const float cx = sphere.x, cy = sphere.y, cz = sphere.z, radius = sphere.radius;
  const float limit = sphere.reach * sphere.reach;
  for (std::int64_t i = begin; i < end; ++i) {
    const float tx = cx - x[i], ty = cy - y[i], tz = cz - z[i];
    const float squared = tx * tx + ty * ty + tz * tz;
    const float inverse = 1.0F / __builtin_sqrtf(most(squared, 1e-10F));
    const float sine = least(radius * inverse, 1.0F);
    const float cosine = (nx[i] * tx + ny[i] * ty + nz[i] * tz) * inverse;
    const float part = least(most((cosine + sine) * (1.0F - 0.5F * sine), 0.0F), 1.0F);
    const float near = squared < limit ? 1.0F : 0.0F;
    sum[i] += near * weight[i - begin] * sine * sine * part;
  }
}

void write_open_share(const float* hidden, std::int64_t count, float* share) noexcept {
  for (std::int64_t i = 0; i < count; ++i) share[i] = 1.0F / (1.0F + hidden[i] * (1.0F + 0.6F * hidden[i]));
}

}  // namespace a2p::A2P_ISA_NAMESPACE
