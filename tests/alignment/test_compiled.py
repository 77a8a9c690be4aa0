from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from a2p.alignment.compiled import CompiledBlocks, blocks_of, compiled_encoders
from a2p.alignment.encoder import FeatureMaps, HandLandmarkEncoder
from a2p.alignment.folding import fold_batch_norms
from a2p.alignment.network import AlignmentConfig, AlignmentNetwork
from a2p.crew import Crew
from a2p.errors import ConfigError
from tests.alignment.networks import network_of, small
from tests.tolerances import COMPILED_RELATIVE


def worst(said: FeatureMaps, wanted: FeatureMaps) -> float:
    """The largest difference of any map as a share of that map's largest value."""
    pairs = [(vars(said)[name], vars(wanted)[name]) for name in vars(wanted)]
    assert all(a.shape == b.shape for a, b in pairs)
    return max(float((a - b).abs().max() / b.abs().max()) for a, b in pairs)


def crops(config: AlignmentConfig, count: int) -> tuple[Tensor, Tensor]:
    side = config.crop_px
    generator = torch.Generator().manual_seed(count)
    return torch.rand(count, 3, side, side, generator=generator), torch.rand(count, 2, side, side, generator=generator)


def stirred(config: AlignmentConfig) -> AlignmentNetwork:
    """A network whose batch norms have seen something."""
    network = network_of(config)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.uniform_(-0.2, 0.2)  # type: ignore[union-attr]
            module.running_var.uniform_(0.5, 2.0)  # type: ignore[union-attr]
    return network.eval().requires_grad_(False)


@pytest.mark.parametrize("encoder", ["efficientnet_lite0", "hand_landmark"])
@pytest.mark.parametrize("shared", [0, 3, 11])
@pytest.mark.parametrize("count", [1, 3])
def test_compiled_encoders_see_what_the_network_sees(encoder: str, shared: int, count: int) -> None:
    config = replace(small(), encoder=encoder, shared_blocks=shared)
    network = stirred(config)
    given = crops(config, count)
    wanted = network.encoded(*given)
    fold_batch_norms(network)
    said = compiled_encoders(network, Crew(2))(*given)
    assert not torch.equal(wanted[0].stride_32, wanted[1].stride_32)
    assert max(map(worst, said, wanted)) < COMPILED_RELATIVE


def test_compiled_encoders_say_the_same_on_any_number_of_threads() -> None:
    network = stirred(replace(small(), encoder="hand_landmark", shared_blocks=11))
    given = crops(network.config, 4)
    one, other = (compiled_encoders(network, Crew(threads))(*given) for threads in (1, 3))
    for a, b in zip(one, other, strict=True):
        assert all(torch.equal(vars(a)[name], vars(b)[name]) for name in vars(a))


def test_networks_without_mobile_encoders_encode_by_themselves() -> None:
    network = network_of(replace(small(), encoder="resnet50", shared_blocks=0))
    assert compiled_encoders(network, Crew(1)) == network.encoded


def test_blocks_with_batch_norms_are_not_compiled() -> None:
    network = network_of(replace(small(), encoder="efficientnet_lite0", shared_blocks=11))
    with pytest.raises(ConfigError, match="Fold batch norms first"):
        compiled_encoders(network, Crew(1))


def test_maps_of_another_size_are_refused_and_the_next_call_works() -> None:
    blocks = blocks_of(HandLandmarkEncoder())[:3]
    compiled = CompiledBlocks(blocks, taps=(0, 2), shape=(24, 16, 16), crew=Crew(1))
    with pytest.raises(ValueError, match="Dimension mismatch"):
        compiled(torch.zeros(1, 24, 8, 8))
    assert [tuple(m.shape) for m in compiled(torch.zeros(1, 24, 16, 16))] == [(1, 16, 16, 16), (1, 24, 8, 8)]
