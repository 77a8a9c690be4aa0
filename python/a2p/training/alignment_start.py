"""What an alignment network starts with, and which of its layers learn how fast."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Any

from a2p.alignment.encoder import EfficientNetLite0, HandLandmarkEncoder, MobileEncoder
from a2p.alignment.hand_landmark import load_hand_landmark
from a2p.alignment.imagenet import load_lite0
from a2p.alignment.network import AlignmentNetwork
from a2p.alignment.weights import PACKAGED_WEIGHTS, load_alignment, read_origin, weights_hash
from a2p.errors import ConfigError

ENCODER_STARTS = ("imagenet", "hand_landmark", "random")


def hand_landmark_file() -> Path:
    """Returns the packaged hand landmark model."""
    return Path(str(files("a2p.perception") / "assets" / "hand_landmark_full.tflite"))


def start_network(network: AlignmentNetwork, start: str) -> str:
    """Loads what a recipe's `start` names, and says of whole networks which they are; "" for encoders' weights.

    Whole networks bring all but the projection of teachers' features, which weights files do not hold.

    Raises:
        ConfigError: The file's network has another configuration.
    """
    if start in ENCODER_STARTS:
        start_encoders(network, start)
        return ""
    file = PACKAGED_WEIGHTS if start == "packaged" else Path(start)
    begun, origin = load_alignment(file), read_origin(file)
    if begun.config != network.config.with_priors({}):
        raise ConfigError(
            f"a run that starts from {file.name} must have its configuration, {begun.config}; got {network.config}. "
            "Change the recipe's network or its start."
        )
    network.load_state_dict({**network.state_dict(), **begun.state_dict()})
    return f"begun from weights {weights_hash(file)[:12]} of {origin.samples} pictures"


def start_encoders(network: AlignmentNetwork, start: str) -> None:
    """Loads published weights into both encoders of a network."""
    if start == "random":
        return
    first, second = network.image_encoder, network.alignment_encoder
    whole: MobileEncoder
    if start == "imagenet" and isinstance(first, EfficientNetLite0):
        whole = EfficientNetLite0()
        load_lite0(whole)
    elif start == "hand_landmark" and isinstance(first, HandLandmarkEncoder):
        whole = HandLandmarkEncoder()
        load_hand_landmark(whole, hand_landmark_file())
    else:
        raise ConfigError(
            "imagenet starts the encoder efficientnet_lite0 and hand_landmark the one of that name; got "
            f"{start!r} for {network.config.encoder!r}. A ResNet-50 starts at random."
        )
    first.load_state_dict(whole.state_dict())
    own = second.state_dict()
    second.load_state_dict({name: value for name, value in whole.state_dict().items() if name in own})


def parameter_groups(network: AlignmentNetwork, encoder_rate: float) -> list[dict[str, Any]]:
    """Returns the optimiser's groups, each with its `share` of the learning rate: encoders, and all else."""
    encoders = [*network.image_encoder.parameters(), *network.alignment_encoder.parameters()]
    known = {id(parameter) for parameter in encoders}
    others = [parameter for parameter in network.parameters() if id(parameter) not in known]
    return [{"params": encoders, "share": encoder_rate}, {"params": others, "share": 1.0}]
