"""The generated messages run with the oldest protobuf that is supported, not just with the one installed here."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import google.protobuf
import pytest

from a2p.wire._generated import hand_pb2

OLDEST = "6.30.0"
ROUND_TRIP = """
import sys
import google.protobuf
from a2p.wire._generated import hand_pb2, reconstruction_service_pb2 as pb

frame = pb.Frame(frame_id=7, image=pb.Image(raw=pb.RawImage(pixels=b"abc", width_px=1, height_px=1)))
assert pb.Frame.FromString(frame.SerializeToString()) == frame
hand = hand_pb2.Hand.FromString(bytes.fromhex(sys.argv[1]))
print(google.protobuf.__version__, hand.track_id, list(hand.joints))
"""


def _round_trip(folder: Path | None) -> str:
    """Returns what an interpreter with the protobuf of a folder, or the installed one, makes of a hand."""
    hand = hand_pb2.Hand(track_id=3, joints=[0.5, -1.0])
    command = [sys.executable, "-W", "error", "-c", ROUND_TRIP, hand.SerializeToString().hex()]
    environment = dict(os.environ) if folder is None else {**os.environ, "PYTHONPATH": str(folder)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_messages_run_with_the_protobuf_that_is_installed() -> None:
    assert _round_trip(None) == f"{google.protobuf.__version__} 3 [0.5, -1.0]"


@pytest.mark.slow
def test_the_messages_run_with_the_oldest_protobuf(tmp_path: Path) -> None:
    install = ("pip", "install", "--quiet", "--no-deps", "--target", str(tmp_path), f"protobuf=={OLDEST}")
    done = subprocess.run([sys.executable, "-m", *install], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"pip cannot install protobuf {OLDEST} here: {done.stderr.strip()[-200:]}")
    assert _round_trip(tmp_path) == f"{OLDEST} 3 [0.5, -1.0]"
