"""Between protobuf messages and the results of a Reconstructor. Round trips are identical, to the bit.

The one exception is asked for by name: quantised vertices, within half a step (about 1.5 um for a hand).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal, TypeAlias

import numpy as np
import torch
from google.protobuf.message import Message
from jaxtyping import Float, Int
from torch import Tensor

from a2p.camera import Camera
from a2p.errors import ProtocolError
from a2p.hand import HandParameters
from a2p.penetration import PenetrationReport
from a2p.perception.image import Pixels
from a2p.result import Hand, Handedness, Reconstruction
from a2p.wire._generated import hand_pb2

Vertices: TypeAlias = Literal["none", "float32", "quantized"]
"""How meshes travel: not at all, exactly, or in half the bytes."""

_STEPS = 65535
HANDEDNESS_TO_PROTO: dict[Handedness, hand_pb2.Handedness] = {
    "left": hand_pb2.HANDEDNESS_LEFT,
    "right": hand_pb2.HANDEDNESS_RIGHT,
}
"""The enum's value of either side."""
_FROM_HANDEDNESS: dict[int, Handedness] = {int(value): name for name, value in HANDEDNESS_TO_PROTO.items()}


def reconstruction_to_proto(result: Reconstruction, *, vertices: Vertices = "float32") -> hand_pb2.Reconstruction:
    """Returns the message of a result; it holds all but the image and the faces."""
    return hand_pb2.Reconstruction(
        hands=[hand_to_proto(hand, vertices=vertices) for hand in result.hands],
        camera=camera_to_proto(result.camera),
        penetration_before=_report_to_proto(result.penetration_before),
        penetration=_report_to_proto(result.penetration),
        timings=[
            hand_pb2.StageTiming(stage=stage, duration_ms=duration) for stage, duration in result.timings_ms.items()
        ],
        warnings=result.warnings,
        image_width_px=result.image.shape[1],
        image_height_px=result.image.shape[0],
    )


def reconstruction_from_proto(
    message: hand_pb2.Reconstruction, *, faces: Mapping[Handedness, Int[Tensor, "_ 3"]], image: Pixels
) -> Reconstruction:
    """Returns the result of a message, with each side's faces and the image that was sent.

    Raises:
        ProtocolError: An array is missing or has another length than its shape requires.
    """
    return Reconstruction(
        hands=tuple(hand_from_proto(hand, faces=faces) for hand in message.hands),
        camera=camera_from_proto(message.camera),
        penetration_before=_report_from_proto(message.penetration_before),
        penetration=_report_from_proto(message.penetration),
        timings_ms={timing.stage: timing.duration_ms for timing in message.timings},
        warnings=tuple(message.warnings),
        image=image,
    )


def hand_to_proto(hand: Hand, *, vertices: Vertices = "float32") -> hand_pb2.Hand:
    """Returns the message of one hand."""
    message = hand_pb2.Hand(
        handedness=HANDEDNESS_TO_PROTO[hand.handedness],
        score=hand.score,
        confidence=hand.confidence,
        box=box_to_proto(hand.box_xyxy_px),
        parameters=hand_pb2.HandParameters(
            global_orient=_numbers(hand.parameters.global_orient),
            hand_pose=_numbers(hand.parameters.hand_pose),
            betas=_numbers(hand.parameters.betas),
            transl=_numbers(hand.parameters.transl),
        ),
        joints=_numbers(hand.joints),
        keypoints_3d=_numbers(hand.keypoints_3d),
        keypoints_2d=_numbers(hand.keypoints_2d),
        detected_keypoints_2d=_numbers(hand.detected_keypoints_2d),
        reprojection_error_px=hand.reprojection_error_px,
        track_id=hand.track_id,
    )
    if vertices == "float32":
        message.vertices_float32 = np.ascontiguousarray(hand.vertices.numpy(), dtype="<f4").tobytes()
    elif vertices == "quantized":
        message.vertices_quantized.CopyFrom(_quantized(hand.vertices.numpy()))
    return message


def hand_from_proto(message: hand_pb2.Hand, *, faces: Mapping[Handedness, Int[Tensor, "_ 3"]]) -> Hand:
    """Returns the hand of a message, or raises ProtocolError."""
    handedness = handedness_from_proto(message.handedness)
    if handedness not in faces:
        raise ProtocolError(
            f"a {handedness} hand needs the {handedness} side's faces; got those of {sorted(faces)}. "
            "Do not set omit_faces in the first request of a connection."
        )
    parameters = message.parameters
    return Hand(
        handedness=handedness,
        score=message.score,
        confidence=message.confidence,
        box_xyxy_px=box_from_proto(message.box),
        parameters=HandParameters(
            global_orient=_tensor(parameters.global_orient, "global_orient", 3),
            hand_pose=_tensor(parameters.hand_pose, "hand_pose", 15, 3),
            betas=_tensor(parameters.betas, "betas", 10),
            transl=_tensor(parameters.transl, "transl", 3),
        ),
        vertices=_vertices(message),
        faces=faces[handedness],
        joints=_tensor(message.joints, "joints", 16, 3),
        keypoints_3d=_tensor(message.keypoints_3d, "keypoints_3d", 21, 3),
        keypoints_2d=_tensor(message.keypoints_2d, "keypoints_2d", 21, 2),
        detected_keypoints_2d=_tensor(message.detected_keypoints_2d, "detected_keypoints_2d", 21, 2),
        reprojection_error_px=message.reprojection_error_px,
        track_id=message.track_id if message.HasField("track_id") else None,
    )


def faces_to_proto(handedness: Handedness, faces: Int[Tensor, "f 3"], *, vertex_count: int) -> hand_pb2.MeshFaces:
    """Returns the message of one side's triangles."""
    return hand_pb2.MeshFaces(
        handedness=HANDEDNESS_TO_PROTO[handedness],
        vertex_count=vertex_count,
        indices_uint32=faces.numpy().astype("<u4").tobytes(),
    )


def faces_from_proto(messages: Iterable[hand_pb2.MeshFaces]) -> dict[Handedness, Int[Tensor, "_ 3"]]:
    """Returns each side's triangles, or raises ProtocolError."""
    return {handedness_from_proto(message.handedness): _triangles(message) for message in messages}


def handedness_from_proto(value: int) -> Handedness:
    """Returns "left" or "right", or raises ProtocolError for any other value."""
    if value not in _FROM_HANDEDNESS:
        raise ProtocolError(
            f"handedness must be HANDEDNESS_LEFT (1) or HANDEDNESS_RIGHT (2); got {value}. Name the person's own side."
        )
    return _FROM_HANDEDNESS[value]


def camera_to_proto(camera: Camera) -> hand_pb2.Camera:
    """Returns the message of the intrinsics."""
    return hand_pb2.Camera(fx_px=camera.fx, fy_px=camera.fy, cx_px=camera.cx, cy_px=camera.cy)


def camera_from_proto(message: hand_pb2.Camera) -> Camera:
    """Returns the intrinsics, or raises CameraError for impossible ones."""
    return Camera(message.fx_px, message.fy_px, message.cx_px, message.cy_px)


def box_to_proto(box_xyxy_px: tuple[float, float, float, float]) -> hand_pb2.Box:
    """Returns the message of a rectangle."""
    x0, y0, x1, y1 = box_xyxy_px
    return hand_pb2.Box(x0_px=x0, y0_px=y0, x1_px=x1, y1_px=y1)


def box_from_proto(message: hand_pb2.Box) -> tuple[float, float, float, float]:
    """Returns x0, y0, x1, y1, px."""
    return (message.x0_px, message.y0_px, message.x1_px, message.y1_px)


def _report_to_proto(report: PenetrationReport) -> hand_pb2.PenetrationReport:
    return hand_pb2.PenetrationReport(
        max_mm=report.max_mm,
        mean_mm=report.mean_mm,
        volume_cm3=report.volume_cm3,
        vertex_count=report.vertex_count,
    )


def _report_from_proto(message: hand_pb2.PenetrationReport) -> PenetrationReport:
    return PenetrationReport(
        max_mm=message.max_mm,
        mean_mm=message.mean_mm,
        volume_cm3=message.volume_cm3,
        vertex_count=message.vertex_count,
    )


def _numbers(tensor: Float[Tensor, "*shape"]) -> list[float]:
    numbers: list[float] = tensor.detach().flatten().tolist()
    return numbers


def _tensor(numbers: Iterable[float], name: str, *shape: int) -> Tensor:
    """Returns float32 numbers in their shape."""
    flat = np.fromiter(numbers, dtype=np.float32)
    if len(flat) != int(np.prod(shape)):
        raise ProtocolError(f"{name} must hold {shape} numbers; got {len(flat)}. Are client and server of one version?")
    return torch.from_numpy(flat.reshape(shape))


def _quantized(vertices: Float[np.ndarray, "v 3"]) -> hand_pb2.QuantizedVertices:
    """Returns vertices on a lattice of 65,536 steps along the mesh's largest extent."""
    exact = vertices.astype(np.float64)
    origin = vertices.min(axis=0)
    extent = float(np.max(exact.max(axis=0) - origin.astype(np.float64)))
    step = np.float32(extent / _STEPS) if extent > 0 else np.float32(1.0)
    steps = np.clip(np.rint((exact - origin.astype(np.float64)) / np.float64(step)), 0, _STEPS)
    return hand_pb2.QuantizedVertices(
        origin_m=[float(value) for value in origin], step_m=float(step), steps=steps.astype("<u2").tobytes()
    )


def _vertices(message: hand_pb2.Hand) -> Float[Tensor, "_ 3"]:
    """Returns the mesh's vertices from either encoding."""
    which = message.WhichOneof("vertices")
    if which is None:
        raise ProtocolError(
            "a hand must come with vertices; the message has none. Ask for VERTEX_ENCODING_FLOAT32 or _QUANTIZED."
        )
    if which == "vertices_float32":
        return torch.from_numpy(_rows(message.vertices_float32, "<f4", which, message).astype(np.float32))
    packed = message.vertices_quantized
    steps = _rows(packed.steps, "<u2", which, message).astype(np.float64)
    origin = _tensor(packed.origin_m, "origin_m", 3).numpy().astype(np.float64)
    return torch.from_numpy((origin + float(packed.step_m) * steps).astype(np.float32))


def _triangles(message: hand_pb2.MeshFaces) -> Int[Tensor, "_ 3"]:
    faces = _rows(message.indices_uint32, "<u4", "indices_uint32", message).astype(np.int64)
    if faces.size and faces.max() >= message.vertex_count:
        raise ProtocolError(
            f"faces must index {message.vertex_count} vertices; got {faces.max()}. "
            "Are client and server of one version?"
        )
    return torch.from_numpy(faces)


def _rows(data: bytes, dtype: str, name: str, message: Message) -> np.ndarray:
    """Returns packed triples as an array (n, 3)."""
    if len(data) % (3 * np.dtype(dtype).itemsize):
        raise ProtocolError(
            f"{name} of {message.DESCRIPTOR.name} must hold triples of {np.dtype(dtype).itemsize} bytes each; "
            f"got {len(data)} bytes. Are client and server of one version?"
        )
    return np.frombuffer(data, dtype=dtype).reshape(-1, 3)
