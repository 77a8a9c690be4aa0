"""The real reconstructor behind the server gives, to the bit, what it gives in process."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import a2p
from a2p.client import Client, StreamSettings
from a2p.perception import load_image
from a2p.pipeline import HandStream
from a2p.service.backend import ReconstructorBackend
from tests.service.fakes import example_jpeg, running
from tests.wire.results import differences


def test_pictures_and_streams_are_those_of_the_process_itself() -> None:
    reconstructor = a2p.Reconstructor()
    image = load_image(example_jpeg()).pixels
    frames = [np.roll(image, 3 * shift, axis=1) for shift in range(3)]
    follow = HandStream(reconstructor)
    still = reconstructor(example_jpeg())
    followed = [follow(frame, time_s=1e-6 * round(1e6 * (index + 1) / 30)) for index, frame in enumerate(frames)]
    with running(ReconstructorBackend(reconstructor), workers=1) as up, Client(up.address) as client:
        assert differences(still, client(example_jpeg())) == ["timings_ms"]
        box = still.hands[0].box_xyxy_px
        given = client(example_jpeg(), boxes=[(still.hands[0].handedness, box)])
        assert [hand.box_xyxy_px for hand in given.hands] == [box]
        settings = StreamSettings(frame_rate_hz=30.0)
        for mine, theirs in zip(followed, client.follow(frames, settings=settings), strict=True):
            assert theirs.reconstruction is not None
            assert list(theirs.reconstruction.timings_ms) == ["queue", *mine.timings_ms]
            assert differences(mine, theirs.reconstruction) == ["timings_ms"]


@pytest.mark.slow
def test_the_command_serves_drains_at_a_signal_and_logs_no_picture(tmp_path: Path) -> None:
    program = "import sys; from a2p.cli import main; sys.exit(main(['serve', '--port', '0', '--drain-s', '5']))"
    log = tmp_path / "log"
    with log.open("w") as errors:
        process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=errors, text=True)
        assert process.stdout is not None
        announced = process.stdout.readline().split()[-1]
        with Client(announced, timeout_s=60.0) as client:
            assert len(client(example_jpeg()).hands) == 2
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
        process.stdout.close()
    entries = [json.loads(line) for line in log.read_text().splitlines()]
    assert [entry["event"] for entry in entries] == ["serving", "call ended", "draining", "stopped"]
    call = entries[1]
    assert (call["method"], call["code"], call["frames"]) == ("Reconstruct", "OK", 1)
    assert len(call["request_id"]) == 16
    assert max(len(line) for line in log.read_text().splitlines()) < 400
