"""`a2p view`: a page that shows the hands of a camera, a video or pictures in 3D."""

from __future__ import annotations

import os
import time
import webbrowser
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import tyro

from a2p.cli.exit_codes import EXIT_OK
from a2p.errors import A2PError, ConfigError

if TYPE_CHECKING:
    from a2p.cli.video import VideoReader
    from a2p.client import Client
    from a2p.pipeline import Reconstructor
    from a2p.result import Reconstruction

_PICTURES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff")


class _Shown(NamedTuple):
    frame_id: int
    result: Reconstruction
    title: str


@dataclass(frozen=True, kw_only=True)
class View:
    """Shows hands in 3D beside the picture, in a browser on this machine.

    The page is reachable from this machine alone. To look from another one, forward the port:
    ssh -L 8080:127.0.0.1:8080 HOST.
    """

    source: tyro.conf.Positional[Path]
    """A camera (/dev/video0), a video, a picture or a folder of pictures."""
    server: Annotated[str | None, tyro.conf.arg(aliases=["-s"])] = None
    """Host and port of an `a2p serve` that reconstructs; without it, this process does. A token is taken from the
    environment variable A2P_CLIENT_TOKEN."""
    tls: bool = False
    """Encrypt what goes to the server."""
    tls_authorities: Path | None = None
    """Encrypt, trusting the authorities in this PEM file."""
    port: int = 8080
    """Port of the page; 0 takes a free one."""
    open: bool = True
    """Open the page in the browser."""
    stay: bool = True
    """At the end of the source, show the last frame until interrupted."""
    interval_s: float = 3.0
    """How long each picture of a folder is shown at least."""
    hand_model: str = "open"
    """`open`, or a folder or file of MANO."""
    max_hands: int = 2
    """At most so many hands a frame."""
    fov_deg: float | None = None
    """Field of view of the larger side; without it EXIF, then a default, is taken."""
    refine: bool = True
    """Move hands that pass through each other apart."""

    def run(self) -> int:
        """Shows the source until it ends or the user does, and returns the exit code."""
        from a2p.viewer import ViewerServer

        pictures = self._pictures()
        with ViewerServer(port=self.port) as viewer:
            print(f"a2p view: {viewer.url} (Ctrl+C to end)", flush=True)
            if self.open:
                webbrowser.open(viewer.url)
            try:
                for shown in self._pictures_shown(pictures) if pictures else self._frames_shown():
                    viewer.show(shown.result, frame_id=shown.frame_id, title=shown.title)
                while self.stay:
                    time.sleep(1.0)
            except KeyboardInterrupt:
                print("a2p view: ended")
        return EXIT_OK

    def _pictures(self) -> list[Path]:
        """Returns the pictures of the source; none for a video or a camera."""
        if self.source.is_dir():
            found = sorted(path for path in self.source.iterdir() if path.suffix.lower() in _PICTURES)
            if not found:
                raise ConfigError(
                    f"source must be a folder with pictures ({', '.join(_PICTURES)}); {self.source} has none."
                )
            return found
        if not self.source.exists():
            raise ConfigError(
                f"source must be a camera, a video, a picture or a folder; {self.source} is none of them."
            )
        return [self.source] if self.source.suffix.lower() in _PICTURES else []

    def _pictures_shown(self, pictures: list[Path]) -> Iterator[_Shown]:
        """Yields each picture's result; a file that is no picture is told of and passed over."""
        reconstruct = self._client() if self.server else self._reconstructor()
        for number, path in enumerate(pictures):
            begun_s = time.monotonic()
            try:
                yield _Shown(number, reconstruct(path), path.name)
            except A2PError as error:
                print(f"{path}: {error}")
                continue
            if number + 1 < len(pictures):
                time.sleep(max(begun_s + self.interval_s - time.monotonic(), 0.0))

    def _frames_shown(self) -> Iterator[_Shown]:
        """Yields the results of a camera or a video."""
        from a2p.cli.video import VideoReader

        reader = VideoReader(self.source)
        return self._frames_of_server(reader) if self.server else self._frames_of_process(reader)

    def _frames_of_process(self, reader: VideoReader) -> Iterator[_Shown]:
        from a2p.cli.video import newest
        from a2p.pipeline import HandStream
        from a2p.tracking import TrackingConfig

        follow = HandStream(self._reconstructor(), config=TrackingConfig(frame_rate_hz=reader.frame_rate_hz))
        for frame_id, pixels in enumerate(newest(reader) if reader.is_live else reader):
            time_s = time.monotonic() if reader.is_live else None
            yield _Shown(frame_id, follow(pixels, time_s=time_s), self.source.name)

    def _frames_of_server(self, reader: VideoReader) -> Iterator[_Shown]:
        from a2p.client import StreamSettings

        settings = (
            StreamSettings(policy="drop_oldest")
            if reader.is_live
            else StreamSettings(frame_rate_hz=reader.frame_rate_hz)
        )
        for frame in self._client().follow(reader, settings=settings):
            if frame.reconstruction is not None:
                yield _Shown(frame.frame_id, frame.reconstruction, self.source.name)

    def _reconstructor(self) -> Reconstructor:
        from a2p.pipeline import Reconstructor

        return Reconstructor(
            hand_model=self.hand_model, max_hands=self.max_hands, refine=self.refine, fov_deg=self.fov_deg
        )

    def _client(self) -> Client:
        from a2p.client import Client, Tls

        tls = Tls(authorities=self.tls_authorities) if self.tls or self.tls_authorities is not None else None
        return Client(str(self.server), tls=tls, token=os.environ.get("A2P_CLIENT_TOKEN"))
