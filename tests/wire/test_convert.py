"""Messages hold exactly what a Reconstructor returns."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from a2p.errors import ProtocolError
from a2p.result import Hand, Reconstruction
from a2p.wire._generated import hand_pb2
from a2p.wire.convert import (
    faces_from_proto,
    faces_to_proto,
    hand_from_proto,
    hand_to_proto,
    reconstruction_from_proto,
    reconstruction_to_proto,
)
from tests.tolerances import QUANTIZED_STEP_SHARE
from tests.wire.results import FACES, differences, hands, random_hand, reconstruction_fields


@settings(deadline=None)
@given(fields=reconstruction_fields())
def test_a_result_survives_the_wire_to_the_bit(fields: dict[str, Any]) -> None:
    result = Reconstruction(**fields)
    data = reconstruction_to_proto(result).SerializeToString()
    message = hand_pb2.Reconstruction.FromString(data)
    back = reconstruction_from_proto(message, faces=FACES, image=result.image)
    assert differences(result, back) == []
    assert (message.image_height_px, message.image_width_px) == result.image.shape[:2]


@settings(deadline=None)
@given(hand=hands())
def test_a_quantised_vertex_is_off_by_half_a_step_at_most(hand: Hand) -> None:
    message = hand_to_proto(hand, vertices="quantized")
    error = (hand_from_proto(message, faces=FACES).vertices.double() - hand.vertices.double()).abs().max()
    rounding = torch.finfo(torch.float32).eps * hand.vertices.abs().max()
    assert float(error) <= QUANTIZED_STEP_SHARE * message.vertices_quantized.step_m + float(rounding)
    assert len(message.vertices_quantized.steps) == 6 * len(hand.vertices)


def test_the_step_of_a_hand_of_a_fifth_of_a_metre_is_three_micrometres() -> None:
    corners = torch.tensor([[0.0, 0.0, 0.3], [0.2, 0.1, 0.4]])
    hand = random_hand(0, handedness="left")
    message = hand_to_proto(Hand(**{**vars(hand), "vertices": corners}), vertices="quantized")
    assert message.vertices_quantized.step_m == pytest.approx(0.2 / 65535)


@given(side=st.sampled_from(["left", "right"]))
def test_faces_survive_the_wire(side: str) -> None:
    handedness = "left" if side == "left" else "right"
    message = faces_to_proto(handedness, FACES[handedness], vertex_count=4)
    faces = faces_from_proto([hand_pb2.MeshFaces.FromString(message.SerializeToString())])[handedness]
    assert torch.equal(faces, FACES[handedness])
    assert faces.dtype == FACES[handedness].dtype


def test_a_message_that_breaks_the_protocol_is_refused() -> None:
    good = hand_to_proto(random_hand(3, handedness="right"))

    def broken(**fields: object) -> hand_pb2.Hand:
        message = hand_pb2.Hand()
        message.CopyFrom(good)
        for name, value in fields.items():
            message.ClearField(name)  # type: ignore[arg-type]
            message.MergeFrom(hand_pb2.Hand(**{name: value}))  # type: ignore[arg-type]
        return message

    for message, match in (
        (broken(handedness=0), "HANDEDNESS_LEFT"),
        (broken(handedness=17), "got 17"),
        (broken(joints=[1.0, 2.0]), "joints must hold"),
        (broken(vertices_float32=b"12345"), "triples"),
        (hand_to_proto(random_hand(3, handedness="right"), vertices="none"), "VERTEX_ENCODING"),
    ):
        with pytest.raises(ProtocolError, match=match):
            hand_from_proto(message, faces=FACES)
    with pytest.raises(ProtocolError, match="needs the right side's faces"):
        hand_from_proto(good, faces={"left": FACES["left"]})
    with pytest.raises(ProtocolError, match="must index 3 vertices"):
        faces_from_proto([faces_to_proto("left", FACES["left"], vertex_count=3)])
