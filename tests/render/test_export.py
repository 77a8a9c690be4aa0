"""Files of reconstructions: written, read back by others, compared."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from a2p import Camera
from a2p.errors import OutputError
from a2p.hand import HandModel, HandParameters
from a2p.penetration import PenetrationReport
from a2p.render.export import SUFFIXES, export_scene
from a2p.render.palette import LEFT_COLOUR, RIGHT_COLOUR
from a2p.render.scene import ExportHand, ExportScene
from a2p.render.shading import linear_from_srgb
from tests.tolerances import EXPORTED_TEXT_M


def hand_of(handedness: Any, *, x: float) -> ExportHand:
    rng = np.random.default_rng(len(handedness))
    model = HandModel.load("open", side=handedness)
    parameters = HandParameters(
        global_orient=torch.tensor(rng.normal(size=3), dtype=torch.float32),
        hand_pose=torch.tensor(0.2 * rng.normal(size=(15, 3)), dtype=torch.float32),
        betas=torch.tensor(rng.normal(size=10), dtype=torch.float32),
        transl=torch.tensor([x, 0.02, 0.5], dtype=torch.float32),
    )
    posed = model(parameters)
    return ExportHand(
        handedness=handedness,
        score=0.875,
        box_xyxy_px=np.array([1.0, 2.0, 30.5, 40.25]),
        vertices=posed.vertices.numpy(),
        faces=model.topology.faces.numpy(),
        joints=posed.joints.numpy(),
        keypoints_3d=rng.normal(size=(21, 3)),
        keypoints_2d=rng.normal(size=(21, 2)),
        global_orient=parameters.global_orient.numpy(),
        hand_pose=parameters.hand_pose.numpy(),
        betas=parameters.betas.numpy(),
        transl=parameters.transl.numpy(),
    )


SCENE = ExportScene(
    hands=(hand_of("right", x=-0.1), hand_of("left", x=0.1)),
    camera=Camera(500.0, 510.0, 320.0, 240.0),
    image_width_px=640,
    image_height_px=480,
    relative_translation=np.array([0.2, 0.01, -0.03]),
    penetration_before=PenetrationReport(max_mm=4.5, mean_mm=1.25, volume_cm3=0.75, vertex_count=31),
    timings_ms={"detect": 12.5},
    warnings=("a warning",),
)
EMPTY = ExportScene(hands=(), warnings=("no hand was found",))
ARRAYS = {
    "box_xyxy_px": "box_xyxy_px",
    "global_orient": "global_orient_rad",
    "hand_pose": "hand_pose_rad",
    "betas": "betas",
    "transl": "transl_m",
    "joints": "joints_m",
    "keypoints_3d": "keypoints_3d_m",
    "keypoints_2d": "keypoints_2d_px",
    "vertices": "vertices_m",
    "faces": "faces",
}


def glb_document(path: Path) -> dict[str, Any]:
    data = path.read_bytes()
    magic, version, length = struct.unpack_from("<III", data)
    assert (magic, version, length) == (0x46546C67, 2, len(data))
    text_length, kind = struct.unpack_from("<II", data, 12)
    assert kind == 0x4E4F534A
    assert text_length % 4 == 0
    document: dict[str, Any] = json.loads(data[20 : 20 + text_length])
    return document


def test_a_glb_holds_both_hands_by_name_y_up_and_facing_the_viewer(tmp_path: Path) -> None:
    trimesh = pytest.importorskip("trimesh", reason="needs trimesh")
    scene = trimesh.load(export_scene(SCENE, tmp_path / "hands.glb"), process=False)
    assert set(scene.graph.nodes_geometry) == {"right_hand", "left_hand"}
    for name, hand in SCENE.named_hands():
        mesh = scene.geometry[name]
        np.testing.assert_array_equal(mesh.vertices, (hand.vertices * [1, -1, -1]).astype(np.float32))
        np.testing.assert_array_equal(mesh.faces, hand.faces)
        assert mesh.is_watertight
        assert mesh.volume > 1e-4, "a half turn keeps the faces' outside out"
        inwards = mesh.vertices - 1e-4 * mesh.vertex_normals
        assert (
            np.linalg.norm(inwards - mesh.vertices.mean(axis=0), axis=1).mean()
            < np.linalg.norm(mesh.vertices - mesh.vertices.mean(axis=0), axis=1).mean()
        )


def test_a_glbs_materials_are_matt_and_of_two_colours_in_linear_light(tmp_path: Path) -> None:
    document = glb_document(export_scene(SCENE, tmp_path / "hands.glb"))
    for material, colour in zip(document["materials"], (RIGHT_COLOUR, LEFT_COLOUR), strict=True):
        surface = material["pbrMetallicRoughness"]
        assert surface["metallicFactor"] == 0.0
        np.testing.assert_allclose(surface["baseColorFactor"][:3], linear_from_srgb(np.array(colour)), atol=5e-5)
    assert [mesh["name"] for mesh in document["meshes"]] == ["right_hand", "left_hand"]
    assert document["nodes"][0]["extras"]["betas"] == SCENE.hands[0].betas.tolist()


def test_a_glbs_normals_have_length_one_even_where_no_face_touches_a_vertex(tmp_path: Path) -> None:
    hand = SCENE.hands[0]
    lonely = ExportHand(**{**vars(hand), "vertices": np.concatenate([hand.vertices, np.zeros((1, 3), np.float32)])})
    path = export_scene(ExportScene(hands=(lonely,)), tmp_path / "hands.glb")
    document = glb_document(path)
    normal = document["accessors"][document["meshes"][0]["primitives"][0]["attributes"]["NORMAL"]]
    view = document["bufferViews"][normal["bufferView"]]
    start = path.stat().st_size - document["buffers"][0]["byteLength"] + view["byteOffset"]
    normals = np.frombuffer(path.read_bytes()[start : start + view["byteLength"]], dtype="<f4").reshape(-1, 3)
    assert len(normals) == len(lonely.vertices)
    np.testing.assert_allclose(np.linalg.norm(normals, axis=1), 1.0, atol=1e-6)


def test_an_obj_holds_both_hands_as_groups_with_their_materials(tmp_path: Path) -> None:
    path = export_scene(SCENE, tmp_path / "hands.obj")
    trimesh = pytest.importorskip("trimesh", reason="needs trimesh")
    scene = trimesh.load(path, process=False, split_object=True)
    assert set(scene.geometry) == {"right_hand", "left_hand"}
    for name, hand in SCENE.named_hands():
        mesh = scene.geometry[name]
        corners = (hand.vertices * [1, -1, -1])[hand.faces]
        np.testing.assert_allclose(mesh.vertices[mesh.faces], corners, rtol=0, atol=EXPORTED_TEXT_M)
    text = path.read_text()
    materials = (tmp_path / "hands.mtl").read_text()
    assert "mtllib hands.mtl\n" in text
    for name in ("right_hand", "left_hand"):
        assert f"\ng {name}\n" in text
        assert f"\nusemtl {name}\n" in text
        assert f"\nnewmtl {name}\n" in materials


def test_an_npz_returns_every_array_exactly(tmp_path: Path) -> None:
    with np.load(export_scene(SCENE, tmp_path / "hands.npz"), allow_pickle=False) as data:
        assert data["hands"].tolist() == ["right_hand", "left_hand"]
        assert data["camera_px"].tolist() == [500.0, 510.0, 320.0, 240.0]
        np.testing.assert_array_equal(data["relative_translation_m"], SCENE.relative_translation)
        for name, hand in SCENE.named_hands():
            assert data[f"{name}_score"] == hand.score
            for attribute, key in ARRAYS.items():
                np.testing.assert_array_equal(data[f"{name}_{key}"], getattr(hand, attribute))


def test_a_json_returns_every_number_exactly(tmp_path: Path) -> None:
    record = json.loads(export_scene(SCENE, tmp_path / "hands.json").read_text())
    assert (record["schema"], record["schema_version"]) == ("a2p.reconstruction", 1)
    assert record["camera"] == {"fx_px": 500.0, "fy_px": 510.0, "cx_px": 320.0, "cy_px": 240.0}
    assert record["image_size_px"] == [640, 480]
    assert record["penetration_before"] == {"max_mm": 4.5, "mean_mm": 1.25, "volume_cm3": 0.75, "vertex_count": 31}
    assert record["penetration"] is None
    assert (record["timings_ms"], record["warnings"]) == ({"detect": 12.5}, ["a warning"])
    assert record["relative_translation_m"] == [0.2, 0.01, -0.03]
    for entry, (name, hand) in zip(record["hands"], SCENE.named_hands(), strict=True):
        assert (entry["name"], entry["handedness"], entry["score"]) == (name, hand.handedness, hand.score)
        for attribute, key in ARRAYS.items():
            array = getattr(hand, attribute)
            np.testing.assert_array_equal(np.array(entry[key], dtype=array.dtype), array)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_scene_without_hands_is_a_file_that_says_so(tmp_path: Path, suffix: str) -> None:
    path = export_scene(EMPTY, tmp_path / f"empty{suffix}")
    if suffix == ".glb":
        document = glb_document(path)
        assert "nodes" not in document["scenes"][0]
        assert not {"nodes", "meshes", "buffers", "accessors"} & set(document)
    if suffix == ".json":
        assert json.loads(path.read_text())["hands"] == []
    if suffix == ".npz":
        assert np.load(path)["hands"].size == 0
    if suffix == ".obj":
        assert "\nv " not in path.read_text()


def test_two_hands_of_a_kind_get_different_names(tmp_path: Path) -> None:
    scene = ExportScene(hands=(SCENE.hands[1], SCENE.hands[1]))
    document = glb_document(export_scene(scene, tmp_path / "hands.glb"))
    assert [node["name"] for node in document["nodes"]] == ["left_hand", "left_hand_2"]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_same_scene_gives_the_same_bytes(tmp_path: Path, suffix: str) -> None:
    first = export_scene(SCENE, tmp_path / f"a{suffix}").read_bytes()
    assert export_scene(SCENE, tmp_path / f"a{suffix}").read_bytes() == first
    assert {path.suffix for path in tmp_path.iterdir()} <= {suffix, ".mtl"}, "no temporary file stays"


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_folder_that_does_not_exist_is_an_output_error(tmp_path: Path, suffix: str) -> None:
    with pytest.raises(OutputError, match=r"existing folder.*Create the folder"):
        export_scene(SCENE, tmp_path / "nowhere" / f"hands{suffix}")


def test_a_file_in_the_folders_place_is_an_output_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match="existing folder"):
        export_scene(SCENE, tmp_path / "file" / "hands.glb")


def test_a_folder_in_the_files_place_is_an_output_error_and_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "hands.glb").mkdir()
    with pytest.raises(OutputError, match=r"hands\.glb must be a file"):
        export_scene(SCENE, tmp_path / "hands.glb")
    assert [path.name for path in tmp_path.iterdir()] == ["hands.glb"]


def test_a_failed_write_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "hands.json"
    path.write_text("old")

    def full(*_: Path) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OutputError, match="No space left on device"):
        export_scene(SCENE, path)
    assert path.read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["hands.json"]


@pytest.mark.parametrize("name", ["hands.stl", "hands", "hands.glb.gz"])
def test_an_unknown_suffix_is_an_output_error_that_lists_the_known(tmp_path: Path, name: str) -> None:
    with pytest.raises(OutputError, match=r"\.glb, \.obj, \.npz or \.json; got"):
        export_scene(SCENE, tmp_path / name)
    assert not any(tmp_path.iterdir())


def test_a_suffix_in_capitals_is_known(tmp_path: Path) -> None:
    assert export_scene(SCENE, str(tmp_path / "HANDS.GLB")).exists()
