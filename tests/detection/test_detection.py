from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from a2p.alignment.folding import fold_batch_norms
from a2p.detection.detector import CentreDetector
from a2p.detection.network import STRIDE, CentreMaps, CentreNetwork, cell_centres
from a2p.detection.weights import FORMAT, DetectionOrigin, load_detection, save_detection
from a2p.errors import WeightsError
from a2p.perception.crop import letterbox
from a2p.training.detection_losses import detection_losses, overlaps
from a2p.training.detection_pictures import DetectionBatch
from tests.tolerances import DETECTION_BOX_SHARE, FOLDED_RELATIVE

ORIGIN = DetectionOrigin(data="noise", recipe="{}", commit="abc", samples=7)
SIDE = 128


@pytest.fixture(scope="module")
def network() -> CentreNetwork:
    torch.manual_seed(3)
    return CentreNetwork().eval().requires_grad_(False)


@pytest.fixture
def file(network: CentreNetwork, tmp_path: Path) -> Path:
    path = tmp_path / "weights.safetensors"
    save_detection(network, path, ORIGIN)
    return path


def truth(boxes: Tensor, pointing: Tensor) -> CentreMaps:
    """Maps that say exactly these boxes (2, 4), one of each side, in units of the picture's side."""
    count = SIDE // STRIDE
    cells = cell_centres(count, boxes)
    x, y = cells, cells[:, None]
    edges = [
        torch.stack([x - b[0] + 0 * y, y - b[1] + 0 * x, b[2] - x + 0 * y, b[3] - y + 0 * x]).clamp(min=1e-3)
        for b in boxes
    ]
    logits = torch.full((1, 2, count, count), -9.0)
    for side, (column, row) in enumerate((0.5 * (boxes[:, :2] + boxes[:, 2:]) * count).long().tolist()):
        logits[0, side, row, column] = 4.0
    return CentreMaps(logits, torch.stack(edges)[None].log(), pointing[None, :, :, None, None].expand(1, 2, 2, 16, 16))


def batch_of(boxes: Tensor, pointing: Tensor) -> DetectionBatch:
    maps = truth(boxes, pointing)
    return DetectionBatch(
        pictures=torch.zeros(1, 3, SIDE, SIDE),
        bells=(maps.logits > 0).float(),
        counts=torch.ones_like(maps.logits, dtype=torch.bool),
        boxes=boxes[None],
        pointing=pointing[None],
        present=torch.ones(1, 2, dtype=torch.bool),
    )


BOXES = torch.tensor([[0.1, 0.2, 0.6, 0.7], [0.15, 0.2, 0.55, 0.72]])
POINTING = torch.tensor([[0.3, -0.4], [-0.1, 0.5]])


def test_maps_of_the_truth_have_no_loss_of_boxes_and_directions() -> None:
    found = detection_losses(truth(BOXES, POINTING), batch_of(BOXES, POINTING))
    assert float(found.boxes) < 1e-5
    assert float(found.pointing) == 0.0
    assert float(found.centres) < 1e-2


def test_a_box_of_twice_the_area_overlaps_by_half() -> None:
    wide = BOXES.clone()
    wide[:, 2] += wide[:, 2] - wide[:, 0]
    overlap = overlaps(truth(wide, POINTING).log_edges, BOXES[None])
    row, column = (0.5 * (BOXES[0, 1::2].sum()) * 16).long(), (0.5 * (BOXES[0, ::2].sum()) * 16).long()
    assert float(overlap[0, 0, row, column]) == pytest.approx(0.5, abs=1e-5)


def test_hands_whose_centres_share_a_place_are_both_found_in_pixels_of_the_image(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    detector = CentreDetector(file, input_px=SIDE)
    monkeypatch.setattr(detector.network, "from_maps", lambda *_: truth(BOXES, POINTING))
    image = Image.new("RGB", (400, 200))
    hands = detector.look(image, letterbox(400, 200))
    assert sorted(hand.handedness for hand in hands) == ["left", "right"]
    right = next(hand for hand in hands if hand.handedness == "right")
    expected = np.array([0.1 * 400, 0.2 * 400 - 100, 0.6 * 400, 0.7 * 400 - 100])
    np.testing.assert_allclose(right.box_xyxy_px, expected, rtol=0, atol=400 * DETECTION_BOX_SHARE)
    up = right.crop().axes() @ np.array([0.0, -1.0])
    np.testing.assert_allclose(up, [0.6, -0.8], atol=1e-6)
    candidates = detector(image, max_hands=2)
    assert {candidate.handedness for candidate in candidates} == {"left", "right"}
    assert candidates[0].score >= candidates[1].score


def test_a_picture_of_nothing_has_no_hands(file: Path) -> None:
    assert CentreDetector(file, input_px=SIDE)(Image.new("RGB", (64, 64)), max_hands=2) == []


def test_folded_network_says_the_same() -> None:
    pictures = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    torch.manual_seed(3)
    folded = CentreNetwork().eval().requires_grad_(False)
    for module in (*folded.modules(),):
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.uniform_(-0.2, 0.2)  # type: ignore[union-attr]
            module.running_var.uniform_(0.5, 2.0)  # type: ignore[union-attr]
    expected = folded(pictures)
    assert float(expected.logits.std()) > 0
    fold_batch_norms(folded)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in folded.modules())
    for said, wanted in zip(
        (folded(pictures).logits, folded(pictures).log_edges), (expected.logits, expected.log_edges), strict=True
    ):
        assert float((said - wanted).abs().max() / wanted.abs().max()) < FOLDED_RELATIVE


def test_saved_network_comes_back_in_half_precision(network: CentreNetwork, file: Path) -> None:
    again = load_detection(file).state_dict()
    for name, tensor in network.state_dict().items():
        wanted = tensor.half().float() if tensor.is_floating_point() else tensor
        assert torch.equal(again[name].to(wanted.dtype), wanted)
    assert file.stat().st_size < 2 * 2**20


@pytest.mark.parametrize(
    ("damage", "match"),
    [("missing", "no weights file"), ("truncated", "no complete"), ("format", "must be of format"), ("nan", "finite")],
)
def test_damaged_weights_are_refused(file: Path, damage: str, match: str) -> None:
    if damage == "missing":
        file.unlink()
    elif damage == "truncated":
        file.write_bytes(file.read_bytes()[:-100])
    elif damage == "format":
        save_file(load_file(file), file, {"format": "other"})
    else:
        tensors = load_file(file)
        tensors["head.bias"][0] = float("nan")
        save_file(tensors, file, {"format": FORMAT})
    with pytest.raises(WeightsError, match=match):
        load_detection(file)


def test_weights_of_another_shape_are_refused(file: Path) -> None:
    tensors = load_file(file)
    tensors["head.bias"] = tensors["head.bias"][:3].clone()
    save_file(tensors, file, {"format": FORMAT})
    with pytest.raises(WeightsError, match=r"head\.bias"):
        load_detection(file)
