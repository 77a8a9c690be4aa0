from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import a2p.hand
from a2p.errors import HandModelError
from a2p.hand import HandModel, HandParameters, mirror_parameters
from a2p.hand.hand_data import Side
from tests.hand.hands import random_parameters
from tests.hand.mano_pickles import (
    Arrays,
    front_of_hand_arrays,
    mano_pickle,
    mirrored_arrays,
    open_hand_arrays,
    save_npz,
    write,
)
from tests.tolerances import SMPLX_M

MIRROR = torch.tensor([-1.0, 1.0, 1.0])


def volume_ml(model: HandModel, vertices: Tensor) -> Tensor:
    a, b, c = vertices[..., model.topology.faces, :].unbind(-2)
    return (a * torch.linalg.cross(b, c)).sum(dim=(-1, -2)) / 6 * 1e6


@pytest.fixture
def mano_folder(tmp_path: Path) -> Path:
    """Both hands as MANO ships them: pickled, the left one mirrored except for x of its shapedirs."""
    right = front_of_hand_arrays()
    left = mirrored_arrays(right)
    left["shapedirs"] = left["shapedirs"] * [[-1.0], [1.0], [1.0]]
    write(tmp_path / "MANO_RIGHT.pkl", mano_pickle(right))
    write(tmp_path / "MANO_LEFT.pkl", mano_pickle(left))
    return tmp_path


@pytest.mark.parametrize("side", ["right", "left"])
def test_the_open_hand_has_the_volume_of_a_hand(side: Side) -> None:
    model = HandModel.load("open", side=side).double()
    betas = torch.zeros(3, 10, dtype=torch.float64)
    betas[:, 0] = torch.tensor([-2.0, 0.0, 2.0])
    posed = model(replace(HandParameters.zeros(3, dtype=torch.float64), betas=betas))
    small, mean, large = volume_ml(model, posed.vertices).tolist()
    assert mean == pytest.approx(305, abs=5)
    assert small == pytest.approx(209, abs=8)
    assert large == pytest.approx(428, abs=12)


def test_the_open_hands_frame_is_the_canonical_one() -> None:
    model = HandModel.load("open")
    wrist, middle, thumb_tip = model.J_template[0], model.J_template[4], model.v_template[744]
    assert wrist.norm() < 1e-3
    assert middle[0] < -0.05, "a right hand's fingers lie along -x"
    assert thumb_tip[2] > 0.02, "its thumb towards +z"


def test_the_left_open_hand_mirrors_the_right_one_exactly_in_every_pose() -> None:
    """Negation is exact in floating point, so every sum and product of one hand is the other's up to the sign."""
    right, left = HandModel.load_pair("open")
    parameters = random_parameters(64, dtype=torch.float32)
    expected, actual = right(parameters), left(mirror_parameters(parameters))
    assert (right.side, left.side) == ("right", "left")
    torch.testing.assert_close(actual.vertices, expected.vertices * MIRROR, rtol=0, atol=0)
    torch.testing.assert_close(actual.joints, expected.joints * MIRROR, rtol=0, atol=0)
    mirrored_rotmats = torch.diag(MIRROR) @ expected.joint_rotmats @ torch.diag(MIRROR)
    torch.testing.assert_close(actual.joint_rotmats, mirrored_rotmats, rtol=0, atol=0)


def test_the_left_hands_mean_pose_and_components_are_mirrored_too() -> None:
    right, left = (HandModel.load("open", side=side, flat_hand_mean=False) for side in ("right", "left"))
    parameters = random_parameters(4, dtype=torch.float32)
    expected, actual = right(parameters), left(mirror_parameters(parameters))
    torch.testing.assert_close(actual.vertices, expected.vertices * MIRROR, rtol=0, atol=0)
    signs = torch.tensor([1.0, -1.0, -1.0]).repeat(15)
    assert torch.equal(left.hands_components, right.hands_components * signs)


def test_mirroring_twice_changes_nothing() -> None:
    parameters = random_parameters(4)
    again = mirror_parameters(mirror_parameters(parameters))
    for name in ("global_orient", "hand_pose", "betas", "transl"):
        assert torch.equal(getattr(again, name), getattr(parameters, name))


def test_the_mean_pose_is_added_only_without_flat_hand_mean(tmp_path: Path) -> None:
    path = save_npz(tmp_path / "hand.npz", open_hand_arrays())
    flat, curved = HandModel.load(path, flat_hand_mean=True), HandModel.load(path, flat_hand_mean=False)
    assert flat.hands_mean.abs().max() > 0.1
    shifted = replace(HandParameters.zeros(), hand_pose=flat.hands_mean)
    assert torch.equal(curved(HandParameters.zeros()).vertices, flat(shifted).vertices)


def test_a_checkpoint_holds_nothing_of_the_hand_model() -> None:
    network = nn.Sequential(HandModel.load("open"), nn.Linear(2, 2))
    assert set(network.state_dict()) == {"1.weight", "1.bias"}


def test_buffers_follow_the_module() -> None:
    model = HandModel.load("open").double()
    assert model.v_template.dtype == torch.float64
    assert model.parents.dtype == torch.int64
    assert model(HandParameters.zeros(dtype=torch.float64)).vertices.dtype == torch.float64


def test_models_share_no_memory() -> None:
    first, second = HandModel.load("open"), HandModel.load("open")
    first.v_template.zero_()
    assert second.v_template.abs().max() > 0


def test_rotation_matrices_pose_the_hand_as_axis_angles_do() -> None:
    model = HandModel.load("open").double()
    parameters = random_parameters(3)
    posed = model.pose(model.local_rotmats(parameters), parameters.betas, parameters.transl)
    assert torch.equal(posed.vertices, model(parameters).vertices)


def test_manos_folder_gives_both_hands_with_their_wrists_closed(mano_folder: Path) -> None:
    for model, side in zip(HandModel.load_pair(mano_folder), ("right", "left"), strict=True):
        assert model.side == side
        assert model.topology.vertex_count == 778
        assert model.topology.is_cap.any()
        assert model.hands_mean.abs().max() > 0.1


def test_manos_left_shapedirs_are_corrected_unless_asked_otherwise(mano_folder: Path) -> None:
    right, corrected = HandModel.load_pair(mano_folder)
    as_shipped = HandModel.load(mano_folder, side="left", fix_left_shapedirs=False)
    assert torch.equal(corrected.shapedirs, right.shapedirs * MIRROR[:, None])
    assert torch.equal(as_shipped.shapedirs, right.shapedirs)
    parameters = random_parameters(4, dtype=torch.float32)
    expected = right(parameters).vertices * MIRROR
    torch.testing.assert_close(corrected(mirror_parameters(parameters)).vertices, expected, rtol=0, atol=0)


def test_a_right_hand_and_a_left_hand_of_other_size_are_never_corrected(tmp_path: Path) -> None:
    arrays = mirrored_arrays(open_hand_arrays())
    left = HandModel.load(save_npz(tmp_path / "left.npz", arrays), side="left")
    assert torch.equal(left.shapedirs, torch.from_numpy(arrays["shapedirs"]).float())


def test_a_folder_prefers_the_converted_file(mano_folder: Path) -> None:
    arrays = front_of_hand_arrays()
    arrays["hands_mean"] = arrays["hands_mean"] * 2
    save_npz(mano_folder / "MANO_RIGHT.npz", arrays)
    assert HandModel.load(mano_folder).hands_mean.flatten()[-1] == pytest.approx(0.6)


def test_the_other_hands_file_is_refused(mano_folder: Path) -> None:
    with pytest.raises(HandModelError, match=r"MANO_LEFT\.pkl holds a left hand: its fingers point to \+x"):
        HandModel.load(mano_folder / "MANO_LEFT.pkl", side="right")
    with pytest.raises(HandModelError, match=r"MANO_RIGHT\.pkl holds a right hand: its fingers point to -x"):
        HandModel.load(mano_folder / "MANO_RIGHT.pkl", side="left")


@pytest.mark.parametrize("flat_hand_mean", [True, False])
@pytest.mark.parametrize("side", ["right", "left"])
def test_smplx_poses_the_same_file_alike(tmp_path: Path, side: Side, flat_hand_mean: bool) -> None:
    smplx = pytest.importorskip("smplx", reason="needs the optional package smplx")
    right: Arrays = open_hand_arrays()
    save_npz(tmp_path / f"MANO_{side.upper()}.npz", right if side == "right" else mirrored_arrays(right))
    theirs = smplx.MANO(
        str(tmp_path), ext="npz", is_rhand=side == "right", use_pca=False, flat_hand_mean=flat_hand_mean, batch_size=64
    )
    ours = HandModel.load(tmp_path, side=side, flat_hand_mean=flat_hand_mean)
    parameters = random_parameters(64, dtype=torch.float32)
    expected = theirs(
        betas=parameters.betas,
        global_orient=parameters.global_orient,
        hand_pose=parameters.hand_pose.flatten(-2),
        transl=parameters.transl,
    )
    posed = ours(parameters)
    torch.testing.assert_close(posed.vertices, expected.vertices, rtol=0, atol=SMPLX_M)
    torch.testing.assert_close(posed.joints, expected.joints[:, :16], rtol=0, atol=SMPLX_M)


def test_smplx_reads_the_packaged_file_itself(tmp_path: Path) -> None:
    smplx = pytest.importorskip("smplx", reason="needs the optional package smplx")
    shutil.copy(Path(a2p.hand.__file__).parent / "assets" / "open_hand_right.npz", tmp_path / "MANO_RIGHT.npz")
    theirs = smplx.MANO(str(tmp_path), ext="npz", use_pca=False, flat_hand_mean=True)
    expected = theirs(betas=torch.ones(1, 10))
    posed = HandModel.load("open")(replace(HandParameters.zeros(1), betas=torch.ones(1, 10)))
    torch.testing.assert_close(posed.vertices, expected.vertices, rtol=0, atol=SMPLX_M)
