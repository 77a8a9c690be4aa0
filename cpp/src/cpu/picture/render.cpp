#include "a2p/picture/render.h"

#include <ctime>
#include <mutex>

#include "a2p/scratch_pool.h"
#include "a2p/thread_pool.h"
#include "cpu/picture/background.h"
#include "cpu/picture/geometry.h"
#include "cpu/picture/labels.h"
#include "cpu/picture/occlusion.h"
#include "cpu/picture/optics.h"
#include "cpu/picture/shading.h"
#include "cpu/picture/visibility.h"

namespace a2p::picture {
namespace {

// Adds the processor's milliseconds since the last call to a stage: what else runs on the machine does not count.
class Stopwatch {
 public:
  void lap(double& stage) noexcept {
    const double now = thread_milliseconds();
    stage += now - last_;
    last_ = now;
  }

 private:
  static double thread_milliseconds() noexcept {
    timespec time{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return 1e3 * static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_nsec);
  }

  double last_ = thread_milliseconds();
};

void render_one(const Looks& looks, const Job& job, std::int32_t width, std::int32_t height, Workspace& workspace,
                StageTimes& times) {
  Stopwatch watch;
  build_mesh(looks, job, workspace);
  watch.lap(times.geometry);
  see(*job.scene, width, height, workspace);
  watch.lap(times.visibility);
  cast_shadows(*job.scene, workspace);
  hide_sky(looks, job, workspace);
  watch.lap(times.shadow);
  paint_background(looks, *job.scene, width, height, workspace);
  watch.lap(times.background);
  shade_pixels(looks, job, workspace);
  watch.lap(times.shading);
  take_picture(job, workspace);
  watch.lap(times.optics);
  write_labels(looks, job, workspace);
  watch.lap(times.labels);
}

void add(const StageTimes& part, StageTimes& sum) {
  sum.geometry += part.geometry;
  sum.visibility += part.visibility;
  sum.shadow += part.shadow;
  sum.background += part.background;
  sum.shading += part.shading;
  sum.optics += part.optics;
  sum.labels += part.labels;
}

ScratchPool<Workspace>& workspaces() {
  static ScratchPool<Workspace> pool([] { return std::make_unique<Workspace>(); });
  return pool;
}

}  // namespace

StageTimes render(const Looks& looks, std::span<const Job> jobs, std::int32_t width, std::int32_t height,
                  std::int32_t threads) {
  std::mutex mutex;
  StageTimes total;
  parallel_for(static_cast<std::int64_t>(jobs.size()), 1, threads, [&](WorkItems& items) {
    auto workspace = workspaces().acquire();
    StageTimes times;
    while (const auto item = items.next()) {
      render_one(looks, jobs[static_cast<std::size_t>(*item)], width, height, *workspace, times);
    }
    workspaces().release(std::move(workspace));
    const std::lock_guard lock(mutex);
    add(times, total);
  });
  return total;
}

}  // namespace a2p::picture
