"""Videos in and out, through PyAV: it gives every frame with its time and rotation, and brings FFmpeg with it."""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from a2p.errors import ImageError
from a2p.extras import require_extra

if TYPE_CHECKING:
    from types import TracebackType

    from a2p.result import Hand, Reconstruction

SUFFIXES = (".mp4", ".m4v", ".mov", ".mkv", ".avi", ".webm")
"""What is taken for a video."""


class VideoReader:
    """The frames of a video file or a camera, upright RGB, (h, w, 3) uint8.

    A camera is a device such as /dev/video0; `device` names FFmpeg's input device for other sources.
    """

    def __init__(self, path: Path, *, device: str | None = None) -> None:
        require_extra("video", "av")
        import av

        device = device or ("v4l2" if path.is_char_device() else None)
        self.is_live = device is not None
        try:
            self._file = av.open(str(path), format=device)
            self._stream = self._file.streams.video[0]
        except (av.FFmpegError, IndexError) as error:
            raise ImageError(
                f"a video must be a file that FFmpeg reads; {path} is not: {error}. Convert it."
            ) from error
        if not self.is_live:  # threads over frames make each of them late
            self._stream.thread_type = "AUTO"
        self.frame_rate_hz = float(self._stream.average_rate or 30)

    def __iter__(self) -> Iterator[np.ndarray]:
        with self._file:
            for frame in self._file.decode(self._stream):
                pixels = frame.to_ndarray(format="rgb24")
                yield np.ascontiguousarray(np.rot90(pixels, round(getattr(frame, "rotation", 0) / 90)))


def newest(frames: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """Yields what a camera sees now: frames that come while the last one is worked on give way to newer ones."""
    slot: list[np.ndarray | None] = []
    changed = threading.Condition()

    def read() -> None:
        for frame in itertools.chain(frames, (None,)):
            with changed:
                slot[:] = [frame]
                changed.notify()

    threading.Thread(target=read, name="a2p-camera", daemon=True).start()
    while True:
        with changed:
            changed.wait_for(lambda: slot)
            frame = slot.pop()
        if frame is None:
            return
        yield frame


class VideoResults:
    """Writes a video's results: a JSON object a frame, and on request a video with the hands drawn in.

    The files get their names when all is written; after an error, what came lies beside them as `.part` files.
    """

    def __init__(self, folder: Path, stem: str, *, frame_rate_hz: float, overlay: bool) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.paths = [folder / f"{stem}.jsonl"] + [folder / f"{stem}_overlay.mp4"] * overlay
        self._is_empty = True
        self._exits = ExitStack()
        self._lines = self._exits.enter_context(_part(self.paths[0]).open("w"))
        self._overlay = _VideoWriter(_part(self.paths[1]), frame_rate_hz) if overlay else None
        if self._overlay is not None:
            self._exits.callback(self._overlay.close)

    def __enter__(self) -> VideoResults:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._exits.close()
        self.paths = [path for path in self.paths if _part(path).exists()]  # a video without frames is no file
        for path in self.paths:
            if error is None:
                _part(path).replace(path)
            elif self._is_empty:
                _part(path).unlink()

    def add(self, frame_id: int, result: Reconstruction | None, missing: str | None = None) -> None:
        """Writes one frame; `missing` says why a frame has no result."""
        self._is_empty = False
        hands = [] if result is None else [_hand(hand) for hand in result.hands]
        entry: dict[str, object] = {"frame": frame_id, "hands": hands}
        if missing is not None:
            entry["missing"] = missing
        self._lines.write(json.dumps(entry) + "\n")
        if self._overlay is not None and result is not None:
            self._overlay.add(np.asarray(result.overlay().convert("RGB")))


class _VideoWriter:
    """An MP4 of frames of one size."""

    def __init__(self, path: Path, frame_rate_hz: float) -> None:
        import av

        self.path = path
        self._file = av.open(str(path), "w")
        self._rate = round(frame_rate_hz)
        self._stream: Any = None

    def add(self, pixels: np.ndarray) -> None:
        """Appends a frame; an odd last row or column is left out, as the pixel format wants it."""
        import av

        height, width = (side // 2 * 2 for side in pixels.shape[:2])
        if self._stream is None:
            self._stream = self._file.add_stream("mpeg4", rate=self._rate, width=width, height=height)
            self._stream.bit_rate = 8_000_000
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels[:height, :width]), format="rgb24")
        self._file.mux(self._stream.encode(frame))

    def close(self) -> None:
        """Finishes the file."""
        if self._stream is not None:
            self._file.mux(self._stream.encode())
        self._file.close()


def _part(path: Path) -> Path:
    """Returns where a file grows; FFmpeg takes the format from the last suffix."""
    return path.with_suffix(f".part{path.suffix}")


def _hand(hand: Hand) -> dict[str, object]:
    """Returns a hand's numbers; units as in `Reconstruction.save("hands.json")`."""
    parameters = hand.parameters
    return {
        "handedness": hand.handedness,
        "track_id": hand.track_id,
        "score": round(hand.score, 4),
        "confidence": round(hand.confidence, 4),
        "global_orient": _rounded(parameters.global_orient.tolist(), 5),
        "hand_pose": _rounded(parameters.hand_pose.tolist(), 5),
        "betas": _rounded(parameters.betas.tolist(), 4),
        "transl": _rounded(parameters.transl.tolist(), 6),
        "joints_m": _rounded(hand.joints.tolist(), 6),
        "keypoints_2d_px": _rounded(hand.keypoints_2d.tolist(), 2),
    }


def _rounded(values: Any, digits: int) -> Any:
    return [_rounded(value, digits) for value in values] if isinstance(values, list) else round(values, digits)
