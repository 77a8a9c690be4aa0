from __future__ import annotations

import torch

from a2p.hand import HandModel, HandParameters


def test_the_open_hand_loads_for_both_sides() -> None:
    for side in ("right", "left"):
        model = HandModel.load("open", side=side)
        posed = model(HandParameters.zeros(2))
        assert posed.vertices.shape == (2, 1630, 3)
        torch.testing.assert_close(posed.vertices[0], model.v_template, rtol=0, atol=1e-7)
