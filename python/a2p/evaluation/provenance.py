"""What made a result: the content of everything that was learned or built, as one number."""

from __future__ import annotations

import hashlib
from importlib import resources
from pathlib import Path

from a2p.hand.hand_data import HandData
from a2p.hand.hand_file import read_hand_data

_LEARNED = (".tflite", ".safetensors", ".npz", ".onnx", ".pt")


def weights_sha256(hand_model: str) -> str:
    """Returns the SHA-256 of the packaged networks and of the hand model's two hands."""
    digest = hashlib.sha256()
    package = Path(str(resources.files("a2p")))
    for path in sorted(path for path in package.glob("*/assets/*") if path.suffix in _LEARNED):
        digest.update(path.relative_to(package).as_posix().encode())
        digest.update(path.read_bytes())
    hands: list[HandData] = [read_hand_data(hand_model, side="right"), read_hand_data(hand_model, side="left")]
    for hand in hands:
        for array in (hand.v_template, hand.shapedirs, hand.posedirs, hand.weights, hand.faces):
            digest.update(array.tobytes())
    return digest.hexdigest()
