"""Feeds mutated requests to the decoder, and pictures to the reader: python -m tests.service.fuzz_decoder SECONDS.

Whatever comes must be read, or refused as an error of the caller. Any other exception ends the run.
"""

from __future__ import annotations

import io
import random
import sys
import time
import warnings
from dataclasses import dataclass

from PIL import Image

from a2p.errors import A2PError
from a2p.perception.image import ImageLimits, load_image
from a2p.service.config import ServeConfig
from a2p.service.decode import boxes_of, camera_of, parsed, policy_of, require_frame, vertices_of
from a2p.service.failures import Rejection, rejection
from a2p.wire._generated import hand_pb2
from a2p.wire._generated import reconstruction_service_pb2 as pb
from a2p.wire.images import image_from_proto

_CONFIG = ServeConfig(port=0, max_message_bytes=4000)
_LIMITS = ImageLimits(max_pixels=100_000)


@dataclass
class Counts:
    """What became of the requests."""

    refused: int = 0
    broken_pictures: int = 0
    pictures: int = 0


def fuzz(*, seconds: float, seed: int) -> Counts:
    """Runs for some seconds; raises what should not have been raised."""
    draw, counts, end = random.Random(seed), Counts(), time.monotonic() + seconds
    unary, streamed = _unary(), _streamed()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        while time.monotonic() < end:
            is_unary = draw.random() < 0.6
            data = _mutated(draw.choice(unary if is_unary else streamed), draw)
            try:
                image = _read_unary(data) if is_unary else _read_streamed(data)
            except Rejection:
                counts.refused += 1
                continue
            counts.pictures += (is_read := _reads(image))
            counts.broken_pictures += not is_read
    return counts


def _unary() -> list[bytes]:
    """Returns good requests with pictures of every form."""
    images = [pb.Image(encoded=_file(form)) for form in ("JPEG", "PNG", "WEBP")]
    raw = pb.RawImage(pixels=bytes(3 * 16 * 16), width_px=16, height_px=16, format=pb.PIXEL_FORMAT_RGB8)
    box = pb.HandBox(handedness=hand_pb2.HANDEDNESS_LEFT)
    camera = hand_pb2.Camera(fx_px=50, fy_px=50, cx_px=10, cy_px=10)
    return [
        pb.ReconstructRequest(image=image, boxes=[box], camera=camera).SerializeToString()
        for image in (*images, pb.Image(raw=raw))
    ]


def _streamed() -> list[bytes]:
    config = pb.StreamConfig(queue_count=3, queue_policy=pb.QUEUE_POLICY_DROP_OLDEST, camera=hand_pb2.Camera(fx_px=5))
    frame = pb.Frame(frame_id=7, image=pb.Image(encoded=_file("JPEG")))
    return [
        pb.StreamReconstructRequest(config=config).SerializeToString(),
        pb.StreamReconstructRequest(frame=frame).SerializeToString(),
    ]


def _file(form: str) -> bytes:
    file = io.BytesIO()
    Image.linear_gradient("L").resize((32, 24)).convert("RGB").save(file, form)
    return file.getvalue()


def _mutated(data: bytes, draw: random.Random) -> bytes:
    """Returns bytes with some changed, removed or put in, or the end cut off."""
    changed = bytearray(data)
    for _ in range(draw.choice([1, 1, 2, 4, 16])):
        if not changed:
            break
        at = draw.randrange(len(changed))
        match draw.choices(["set", "flip", "remove", "insert", "cut"], [10, 3, 3, 3, 1])[0]:
            case "set":
                changed[at] = draw.randrange(256)
            case "flip":
                changed[at] ^= 1 << draw.randrange(8)
            case "remove":
                del changed[at : at + draw.randint(1, 8)]
            case "insert":
                changed[at:at] = draw.randbytes(draw.randint(1, 8))
            case _:
                del changed[at:]
    return bytes(changed)


def _read_unary(data: bytes) -> pb.Image:
    request = parsed(pb.ReconstructRequest, data, _CONFIG)
    vertices_of(int(request.vertex_encoding))
    camera_of(request, "camera")
    boxes_of(request)
    return request.image


def _read_streamed(data: bytes) -> pb.Image:
    request = parsed(pb.StreamReconstructRequest, data, _CONFIG)
    policy_of(int(request.config.queue_policy))
    vertices_of(int(request.config.vertex_encoding))
    camera_of(request.config, "config.camera")
    require_frame(request.frame, 3)
    return request.frame.image


def _reads(image: pb.Image) -> bool:
    """Says whether a picture can be read; what cannot must be an error of the caller."""
    try:
        load_image(image_from_proto(image, _LIMITS), limits=_LIMITS)
    except A2PError as error:
        if rejection(error, "image") is None:
            raise
        return False
    return True


if __name__ == "__main__":
    print(fuzz(seconds=float(sys.argv[1]), seed=int(sys.argv[2]) if len(sys.argv) > 2 else 0))
