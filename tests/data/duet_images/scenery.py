"""Scenes that tests build by hand."""

from __future__ import annotations

import numpy as np
import torch

from a2p.data.duet import FAMILIES, DuetPairs
from a2p.data.duet_images.renderer import SCENE, RenderedHands
from a2p.hand import HandModel, HandPair, HandParameters
from a2p.hand.keypoints import KeypointRegressor

SIZE = 96
FOCAL = 150.0


def plain_scenes(count: int = 1, *, present: tuple[bool, bool] = (True, False)) -> np.ndarray:
    """Returns scenes with grey skin under an even sky, nothing around and a perfect camera."""
    scenes = np.zeros(count, dtype=SCENE)
    scenes["fx"] = scenes["fy"] = FOCAL
    scenes["cx"] = scenes["cy"] = SIZE / 2
    scenes["wear"]["present"] = present
    scenes["wear"]["ring_finger"] = -1
    for table in ("back", "palm", "nail"):
        scenes["skin"][table] = 0.4
    scenes["light"]["to_key"] = scenes["light"]["to_fill"] = (0.0, 0.0, -1.0)
    scenes["light"]["key"] = 0.6
    scenes["light"]["sky"] = scenes["light"]["ground"] = 0.4
    scenes["light"]["up"] = (0.0, -1.0, 0.0)
    scenes["light"]["key_radius"] = 0.1
    background = scenes["background"]
    background["photo"] = -1
    background["tint"] = background["top"] = background["bottom"] = 1.0
    background["finish"]["colour"] = 0.2
    background["finish"]["scale"] = 1.0
    background["surface"] = (0.0, 0.0, -1.0)
    optics = scenes["optics"]
    optics["exposure"] = optics["shrink"] = optics["contrast"] = optics["saturation"] = 1.0
    optics["white_balance"] = 1.0
    return scenes


def facing_hands(models: HandPair, count: int = 1, *, palm: bool = True) -> RenderedHands:
    """Returns flat hands side by side 0.5 m before the camera, fingers up."""
    upright = torch.tensor([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    if not palm:
        upright = upright * torch.tensor([-1.0, 1.0, -1.0])[:, None]
    from a2p.hand.rotations import rotvec_from_rotmat

    posed = []
    keypoints = []
    for side, model in enumerate(models):
        mirror = torch.tensor([[-1.0, 1.0, 1.0]]).T * upright * torch.tensor([-1.0, 1.0, 1.0]) if side else upright
        hand = HandParameters(
            global_orient=rotvec_from_rotmat(mirror).expand(count, 3),
            hand_pose=torch.zeros(count, 15, 3),
            betas=torch.zeros(count, 10),
            transl=torch.tensor([0.06 * (1 - 2 * side), 0.09, 0.5]).expand(count, 3) - model.J_template[0],
        )
        posed.append(model(hand))
        keypoints.append(KeypointRegressor.for_model(model)(posed[-1], hand.betas))
    return RenderedHands(
        vertices=torch.stack([hand.vertices for hand in posed], dim=1).numpy(),
        joints=torch.stack([hand.joints for hand in posed], dim=1).numpy(),
        keypoints=torch.stack(keypoints, dim=1).numpy(),
    )


def stacked_pairs(count: int) -> DuetPairs:
    """Returns flat hands palm on palm, of different shapes."""
    models = open_models()
    betas = torch.linspace(-1.0, 1.0, count)[:, None] * torch.ones(10)
    turn = torch.tensor([0.0, 0.0, torch.pi])
    hands = []
    for side, model in enumerate(models):
        hands.append(
            HandParameters(
                global_orient=(side * turn).repeat(count, 1),
                hand_pose=torch.zeros(count, 15, 3),
                betas=betas,
                transl=-model.rest_joints(betas)[:, 0] - side * torch.tensor([0.0, 0.04, 0.0]),
            )
        )
    family = torch.full((count,), FAMILIES.index("stacked"), dtype=torch.uint8)
    return DuetPairs(hands[0], hands[1], family, torch.arange(count), 0)


def open_models() -> HandPair:
    return HandModel.load_pair()
