"""Training pictures a second: `python -m benchmarks.bench_render`, one JSON row a size.

Everything counts: poses, skinning, settings, pixels, lens, noise, JPEG losses and labels.
"""

from __future__ import annotations

import argparse
import json
import time

from a2p.data.duet import sample_pairs
from a2p.data.duet_images import DuetImages, ImageSettings
from a2p.native import core


def measure(images: DuetImages, count: int, batch: int) -> dict[str, object]:
    """Returns pictures a second of the clock and of the processor, and where the native time went."""
    stream = images.stream(batch)
    next(stream)
    stages: dict[str, float] = {}
    wall, processor = time.perf_counter(), time.process_time()
    for _ in range(0, count, batch):
        next(stream)
        for stage, milliseconds in images.stages_ms.items():
            stages[stage] = stages.get(stage, 0.0) + milliseconds
    wall, processor = time.perf_counter() - wall, time.process_time() - processor
    return {
        "size_px": images.settings.size_px,
        "threads": images.threads or core.thread_count(),
        "images_per_second": round(count / wall, 1),
        "images_per_cpu_second": round(count / processor, 1),
        "native_ms_per_image": {stage: round(total / count, 3) for stage, total in stages.items()},
        "python_ms_per_image": round((1e3 * processor - sum(stages.values())) / count, 3),
    }


def main() -> None:
    """Prints one row a size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=512)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--pairs", type=int, default=64)
    arguments = parser.parse_args()
    pairs = sample_pairs(arguments.pairs, 0)
    for size_px in (128, 256):
        images = DuetImages(ImageSettings(size_px=size_px), pairs=pairs, threads=arguments.threads)
        print(json.dumps(measure(images, arguments.count, arguments.batch)))


if __name__ == "__main__":
    main()
