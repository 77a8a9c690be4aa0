"""`a2p client`: pictures and videos to a server, results back."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

import tyro

from a2p.cli.exit_codes import EXIT_OK, EXIT_SOME_FAILED
from a2p.errors import A2PError, ConfigError

if TYPE_CHECKING:
    from a2p.client import Client as Connected

Format: TypeAlias = Literal["glb", "obj", "npz", "json", "overlay"]
_NAMES: dict[Format, str] = {
    "glb": "{}.glb",
    "obj": "{}.obj",
    "npz": "{}.npz",
    "json": "{}.json",
    "overlay": "{}_overlay.png",
}


@dataclass(frozen=True, kw_only=True)
class Client:
    """Has a server reconstruct pictures and videos, and writes what comes back.

    A picture gives the files that `a2p reconstruct` writes; a video (.mp4, .mov, .mkv, .avi, .webm) gives a line of
    JSON a frame, and with --video-overlay a video with the hands drawn in. A token is taken from the environment
    variable A2P_CLIENT_TOKEN.
    """

    sources: tyro.conf.Positional[tuple[Path, ...]]
    """Image and video files."""
    server: Annotated[str, tyro.conf.arg(aliases=["-s"])] = "localhost:50051"
    """Host and port."""
    out: Annotated[Path, tyro.conf.arg(aliases=["-o"])] = Path("out")
    """Folder for the results; made when missing."""
    formats: tuple[Format, ...] = ("glb", "npz", "json", "overlay")
    """What to write for each picture."""
    video_overlay: bool = False
    """Write a video with the hands drawn in."""
    tls: bool = False
    """Encrypt, trusting the authorities that gRPC brings."""
    tls_authorities: Path | None = None
    """Encrypt, trusting the authorities in this PEM file."""
    tls_certificate: Path | None = None
    """PEM file with the client's own certificate chain."""
    tls_key: Path | None = None
    """PEM file with its key."""
    timeout_s: float = 30.0
    """Longest wait for one picture."""

    def run(self) -> int:
        """Sends everything and returns the exit code: 0, or 1 where a picture or frame failed."""
        if not self.sources:
            raise ConfigError("sources must name at least one file; got none. Example: a2p client photo.jpg -o out")
        from a2p.cli.video import SUFFIXES

        self.out.mkdir(parents=True, exist_ok=True)
        failed = 0
        with self._connected() as client:
            for source in self.sources:
                is_video = source.suffix.lower() in SUFFIXES
                failed += not (self._video(client, source) if is_video else self._picture(client, source))
        return EXIT_SOME_FAILED if failed else EXIT_OK

    @contextmanager
    def _connected(self) -> Iterator[Connected]:
        from a2p.client import Client as Connected
        from a2p.client import Tls

        is_encrypted = self.tls or self.tls_authorities is not None or self.tls_certificate is not None
        tls = Tls(authorities=self.tls_authorities, certificate=self.tls_certificate, key=self.tls_key)
        token = os.environ.get("A2P_CLIENT_TOKEN")
        with Connected(self.server, tls=tls if is_encrypted else None, token=token, timeout_s=self.timeout_s) as client:
            yield client

    def _picture(self, client: Connected, source: Path) -> bool:
        """Has one picture reconstructed, and says whether that went well."""
        try:
            result = client(source)
        except A2PError as error:
            print(f"{source}: {error}")
            return False
        hands = ", ".join(f"{hand.handedness} {hand.score:.2f}" for hand in result.hands) or "no hands"
        print(f"{source}: {hands}; {sum(result.timings_ms.values()):.0f} ms")
        for form in self.formats:
            print(f"  {result.save(self.out / _NAMES[form].format(source.stem))}")
        return True

    def _video(self, client: Connected, source: Path) -> bool:
        """Has one video reconstructed, and says whether every frame has a result."""
        from a2p.cli.video import VideoReader, VideoResults
        from a2p.client import StreamSettings

        reader = VideoReader(source)
        settings = StreamSettings(frame_rate_hz=reader.frame_rate_hz)
        frame_count = missing_count = 0
        with VideoResults(
            self.out, source.stem, frame_rate_hz=reader.frame_rate_hz, overlay=self.video_overlay
        ) as results:
            for frame in client.follow(reader, settings=settings):
                results.add(frame.frame_id, frame.reconstruction, frame.missing)
                frame_count += 1
                missing_count += frame.missing is not None
        print(f"{source}: {frame_count} frames, {missing_count} without a result")
        for path in results.paths:
            print(f"  {path}")
        return missing_count == 0
