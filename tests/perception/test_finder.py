import json
import math
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from a2p.crew import Crew
from a2p.errors import BoxError, ConfigError
from a2p.perception import Candidate, HandFinder, load_image
from a2p.perception.crop import Crop
from a2p.perception.landmarks import LandmarkModel
from a2p.perception.outline import outline_box
from a2p.perception.palm import PalmDetector
from a2p.perception.search import PalmSearch
from tests.perception.photo_truth import PHOTOS, found
from tests.tolerances import BRIEF_DIFFERENCE, LANDMARK_ERROR_PX


@pytest.fixture(scope="module")
def finder() -> HandFinder:
    return HandFinder(threads=2)


def noise(width: int, height: int) -> np.ndarray:
    return np.random.default_rng(3).integers(90, 130, (height, width, 3), dtype=np.uint8)


def test_a_picture_without_hands_gives_an_empty_result(finder: HandFinder) -> None:
    assert finder.find_hands(noise(320, 200)) == ()
    assert finder.find_hands(np.zeros((16, 900, 3), dtype=np.uint8)) == ()


def test_loading_the_models_writes_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    HandFinder(threads=1)
    captured = capfd.readouterr()
    assert (captured.out, captured.err) == ("", "")


def test_at_least_one_hand_must_be_wanted(finder: HandFinder) -> None:
    with pytest.raises(ConfigError, match="max_hands must be at least 1"):
        finder.find_hands(noise(64, 64), max_hands=0)


def test_bad_boxes_are_refused(finder: HandFinder) -> None:
    with pytest.raises(BoxError, match="finite"):
        finder.find_hands(noise(64, 64), boxes=[("right", (0.0, math.nan, 20.0, 20.0))])
    with pytest.raises(BoxError, match="overlap the image"):
        finder.find_hands(noise(64, 64), boxes=[("right", (100.0, 0.0, 120.0, 20.0))])


def test_every_box_gives_a_hand_of_its_side_in_its_order(finder: HandFinder) -> None:
    boxes = [("left", (10.0, 10.0, 90.0, 120.0)), ("right", (100.0, 20.0, 190.0, 130.0))]
    hands = finder.find_hands(noise(200, 160), boxes=boxes)
    assert [(hand.handedness, hand.box_xyxy_px) for hand in hands] == boxes
    assert finder.find_hands(noise(200, 160), boxes=[]) == ()


@pytest.mark.parametrize("name", ["tensorflow__tfjs-models__hands.jpg", "Dw1010__IntagHand__1.jpg"])
def test_both_hands_of_a_photo_are_found(finder: HandFinder, shared_data: Path, name: str) -> None:
    image = load_image(shared_data / "photos" / name)
    hands = finder.find_hands(image.pixels)
    assert found(shared_data / "photos" / name, hands, image.width, image.height) == [(True, True)] * 2
    for hand in hands:
        assert 0.0 < hand.score <= 1.0
        assert hand.keypoints_2d.dtype == hand.keypoints_3d.dtype == torch.float32
        assert ((hand.keypoint_confidence > 0.0) & (hand.keypoint_confidence <= 1.0)).all()
        low, high = hand.keypoints_2d.amin(0).tolist(), hand.keypoints_2d.amax(0).tolist()
        assert hand.box_xyxy_px == pytest.approx(outline_box((*low, *high)))


@pytest.mark.slow
def test_enough_hands_of_all_photos_are_found_with_the_right_handedness(finder: HandFinder, shared_data: Path) -> None:
    apart, touching = [], 0
    for name, truth in PHOTOS.items():
        image = load_image(shared_data / "photos" / name)
        hits = found(shared_data / "photos" / name, finder.find_hands(image.pixels), image.width, image.height)
        if truth.contact == "yes":
            touching += all(at for at, _ in hits)
        else:
            apart += [right for _, right in hits]
    assert sum(apart) >= 0.9 * len(apart)
    assert touching >= 6


def test_keypoints_are_near_those_that_people_marked(finder: HandFinder, shared_data: Path) -> None:
    folder = shared_data / "annotated" / "hand_graph_cnn"
    errors = []
    for sample in json.loads((folder / "joints.json").read_text())["samples"][::10]:
        hands = finder.find_hands(load_image(folder / sample["file"]).pixels, max_hands=1)
        joints = np.array(sample["joints_camera_m"])
        fx, fy, cx, cy = sample["fx_fy_cx_cy"]
        truth = joints[:, :2] / joints[:, 2:] * (fx, fy) + (cx, cy)
        assert len(hands) == 1
        errors.append(np.linalg.norm(hands[0].keypoints_2d.numpy() - truth, axis=-1).mean())
    assert np.mean(errors) < LANDMARK_ERROR_PX


def test_a_mirrored_photo_gives_the_mirrored_hand(finder: HandFinder, shared_data: Path) -> None:
    image = load_image(shared_data / "photos" / "microsoft__MeshGraphormer__freihand_sample3.jpg").pixels
    (hand,) = finder.find_hands(image)
    (mirrored,) = finder.find_hands(np.ascontiguousarray(image[:, ::-1]))
    assert (hand.handedness, mirrored.handedness) == ("right", "left")
    back = torch.stack([image.shape[1] - mirrored.keypoints_2d[:, 0], mirrored.keypoints_2d[:, 1]], dim=-1)
    assert (back - hand.keypoints_2d).norm(dim=-1).mean() < 0.02 * image.shape[1]
    space = mirrored.keypoints_3d * torch.tensor([-1.0, 1.0, 1.0])
    assert (space - hand.keypoints_3d).norm(dim=-1).mean() < 0.008


def test_3d_keypoints_lie_along_the_cameras_axes(finder: HandFinder, shared_data: Path) -> None:
    upright = load_image(shared_data / "photos" / "svenflow__micro-handpose__hand_nikhil.jpg").pixels
    for turns in range(4):
        (hand,) = finder.find_hands(np.ascontiguousarray(np.rot90(upright, turns)))
        seen = hand.keypoints_2d[12] - hand.keypoints_2d[0]
        space = (hand.keypoints_3d[12] - hand.keypoints_3d[0])[:2]
        assert torch.nn.functional.cosine_similarity(seen, space, dim=0) > 0.99


def test_a_box_from_the_caller_leads_to_the_hand_in_it(finder: HandFinder, shared_data: Path) -> None:
    name = "tensorflow__tfjs-models__hands.jpg"
    image = load_image(shared_data / "photos" / name)
    scale = np.array([image.width, image.height] * 2)
    boxes = [(hand.handedness, tuple(np.array(hand.box) * scale)) for hand in PHOTOS[name].hands[::-1]]
    hands = finder.find_hands(image.pixels, boxes=boxes)
    assert found(shared_data / "photos" / name, hands[::-1], image.width, image.height) == [(True, True)] * 2
    assert PHOTOS[name].hands[1].is_at(hands[0], image.width, image.height)


class Elsewhere:
    """A detector that always points at one place."""

    def __call__(self, image: Image.Image, *, max_hands: int) -> list[Candidate]:
        side = float(min(image.size))
        return [Candidate(1.0, crops=(Crop((side / 2.0, side / 2.0), side),))][:max_hands]


def test_another_detector_can_take_the_packaged_ones_place(shared_data: Path) -> None:
    image = load_image(shared_data / "photos" / "microsoft__MeshGraphormer__freihand_sample2.jpg").pixels
    (hand,) = HandFinder(detector=Elsewhere(), threads=2).find_hands(image)
    assert hand.handedness == "right"


def test_threads_share_one_finder(finder: HandFinder, shared_data: Path) -> None:
    image = load_image(shared_data / "photos" / "microsoft__MeshGraphormer__freihand_sample3.jpg").pixels
    expected = finder.find_hands(image)[0].keypoints_2d
    results: list[torch.Tensor] = []
    threads = [
        threading.Thread(target=lambda: results.append(finder.find_hands(image)[0].keypoints_2d)) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 4
    assert all(torch.equal(result, expected) for result in results)


@pytest.fixture(scope="module")
def brief() -> HandFinder:
    return HandFinder(threads=2, thorough=False)


class Counted:
    """Counts the calls of a method."""

    def __init__(self, patch: pytest.MonkeyPatch, owner: type, name: str) -> None:
        self.count, method = 0, getattr(owner, name)

        def counted(*args: object, **kwargs: object) -> object:
            self.count += 1
            return method(*args, **kwargs)

        patch.setattr(owner, name, counted)


def test_two_plain_hands_take_one_look_and_two_passes_each(
    brief: HandFinder, shared_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = load_image(shared_data / "photos" / "tensorflow__tfjs-models__hands.jpg").pixels
    looks, passes = Counted(monkeypatch, PalmDetector, "__call__"), Counted(monkeypatch, LandmarkModel, "__call__")
    assert len(brief.find_hands(image)) == 2
    assert (looks.count, passes.count) == (1, 4)


def test_who_is_thorough_takes_five_passes_a_hand(
    finder: HandFinder, shared_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = load_image(shared_data / "photos" / "tensorflow__tfjs-models__hands.jpg").pixels
    passes = Counted(monkeypatch, LandmarkModel, "__call__")
    assert len(finder.find_hands(image)) == 2
    assert passes.count == 10


def test_a_brief_finder_finds_what_a_thorough_one_does(
    finder: HandFinder, brief: HandFinder, shared_data: Path
) -> None:
    for name in ("Dw1010__IntagHand__1.jpg", "victordibia__handtracking__test_image.jpeg"):
        image = load_image(shared_data / "photos" / name).pixels
        for few, many in zip(brief.find_hands(image), finder.find_hands(image), strict=True):
            assert few.handedness == many.handedness
            size = float((many.keypoints_2d.amax(0) - many.keypoints_2d.amin(0)).max())
            assert (few.keypoints_2d - many.keypoints_2d).norm(dim=-1).mean() < BRIEF_DIFFERENCE * size


def test_a_candidate_that_cannot_be_among_the_best_is_not_read(
    shared_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Doubtful:
        """The packaged detector's palms, and a window on nothing of a low score."""

        def __init__(self) -> None:
            self._palms = PalmSearch(PalmDetector(threads=1), Crew(1))

        def __call__(self, image: Image.Image, *, max_hands: int) -> list[Candidate]:
            nowhere = Candidate(0.3, crops=(Crop((10.0, 10.0), 50.0),))
            return [*self._palms(image, max_hands=max_hands)[:max_hands], nowhere]

    image = load_image(shared_data / "photos" / "tensorflow__tfjs-models__hands.jpg").pixels
    finder = HandFinder(detector=Doubtful(), threads=1, thorough=False)
    passes = Counted(monkeypatch, LandmarkModel, "__call__")
    assert len(finder.find_hands(image)) == 2
    assert passes.count == 4


def test_in_given_boxes_hands_get_all_passes(
    brief: HandFinder, shared_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "tensorflow__tfjs-models__hands.jpg"
    image = load_image(shared_data / "photos" / name)
    scale = np.array([image.width, image.height] * 2)
    boxes = [(hand.handedness, tuple(np.array(hand.box) * scale)) for hand in PHOTOS[name].hands]
    passes = Counted(monkeypatch, LandmarkModel, "__call__")
    assert len(brief.find_hands(image.pixels, boxes=boxes)) == 2
    assert passes.count >= 10
