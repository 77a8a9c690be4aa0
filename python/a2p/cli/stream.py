"""`a2p stream`: the hands of a video, followed from frame to frame."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from a2p.cli.exit_codes import EXIT_OK


@dataclass(frozen=True, kw_only=True)
class Stream:
    """Follows the hands in a video: a line of JSON a frame, and with --overlay a video with the hands drawn in."""

    video: tyro.conf.Positional[Path]
    """A video file."""
    out: Annotated[Path, tyro.conf.arg(aliases=["-o"])] = Path("out")
    """Folder for the results; made when missing."""
    overlay: bool = False
    """Write a video with the hands drawn in."""
    hand_model: str = "open"
    """`open`, or a folder or file of MANO."""
    max_hands: int = 2
    """At most so many hands a frame."""
    fov_deg: float | None = None
    """Field of view of the larger side of the frames; without it a usual one is assumed."""
    refine: bool = True
    """Move hands that pass through each other apart."""

    def run(self) -> int:
        """Follows the hands and returns the exit code."""
        from a2p.cli.video import VideoReader, VideoResults
        from a2p.pipeline import Reconstructor
        from a2p.tracking import TrackingConfig

        reader = VideoReader(self.video)
        reconstructor = Reconstructor(
            hand_model=self.hand_model, max_hands=self.max_hands, refine=self.refine, fov_deg=self.fov_deg
        )
        config = TrackingConfig(frame_rate_hz=reader.frame_rate_hz)
        begun_s, count = time.perf_counter(), 0
        with VideoResults(
            self.out, self.video.stem, frame_rate_hz=reader.frame_rate_hz, overlay=self.overlay
        ) as results:
            for frame_id, result in enumerate(reconstructor.stream(reader, config=config)):
                results.add(frame_id, result)
                count += 1
        took_ms = 1e3 * (time.perf_counter() - begun_s)
        print(f"{self.video}: {count} frames, {took_ms / max(count, 1):.0f} ms a frame")
        for path in results.paths:
            print(f"  {path}")
        return EXIT_OK
