"""Runs every CUDA kernel once on few pairs, for a sanitizer to watch."""

from __future__ import annotations

import torch

from a2p.bench.hands import reaching_hands
from a2p.penetration import FusedPenetration, penetration_depth, signed_distance


def main() -> None:
    """Raises unless there is something to find."""
    hands = reaching_hands(2)
    right, left = (hand.to(device="cuda") for hand in (hands.right, hands.left))
    models = [model.cuda() for model in hands.models]
    step = FusedPenetration(models[0], models[1])(right, left)
    a, b = hands.vertices_right.cuda(), hands.vertices_left.cuda()
    depth = penetration_depth(a, b, models[0].topology, models[1].topology, backend="cuda")
    distance = signed_distance(a[:, :100], b, models[1].topology, backend="cuda")
    torch.cuda.synchronize()
    if not (float(step.loss.max()) > 0 and float(depth.loss.max()) > 0 and float(distance.abs().min()) >= 0):
        raise RuntimeError("the hands ought to reach into each other; check that the kernels ran")


if __name__ == "__main__":
    main()
