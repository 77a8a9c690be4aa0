"""The teacher that needs no download: inner features of the packaged hand landmark model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - its usual name
from jaxtyping import Float
from torch import Tensor

from a2p.alignment.batch import AlignmentBatch, by_hand
from a2p.alignment.fusion import Prior, PriorFeatures
from a2p.errors import ConfigError

INPUT_PX = 224
FEATURE_TENSORS = (("model_1/model/add_5/add", 14, 112), ("model_1/model/add_8/add", 7, 192))
"""Names, sides and channels of the model's last sums at strides 16 and 32: what its regressor reads, and finer."""


class MediapipeTeacher:
    """Gives F_k: feature maps inside MediaPipe's hand landmark model (Apache-2.0), at 14 x 14 cells.

    The TensorFlow Lite interpreter keeps inner tensors only without its fast kernels, so that a crop takes tens of
    milliseconds: for small runs, or for features that are computed once. The model knows neither segmentation nor
    depth.
    """

    channels: Mapping[Prior, int] = {"keypoints": sum(channels for _, _, channels in FEATURE_TENSORS)}

    def __init__(self, model: Path, *, threads: int = 1) -> None:
        from ai_edge_litert.interpreter import Interpreter, OpResolverType

        self._interpreter: Any = Interpreter(
            model_path=str(model),
            num_threads=threads,
            experimental_preserve_all_tensors=True,
            experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        )
        self._interpreter.allocate_tensors()
        self._input = self._interpreter.get_input_details()[0]["index"]
        by_name = {
            (detail["name"], tuple(int(n) for n in detail["shape"])): detail["index"]
            for detail in self._interpreter.get_tensor_details()
        }
        try:
            self._features = [by_name[name, (1, side, side, channels)] for name, side, channels in FEATURE_TENSORS]
        except KeyError as error:
            raise ConfigError(
                f"{model.name} must be MediaPipe's hand_landmark_full.tflite; it has no inner tensor {error}."
            ) from error

    @torch.no_grad()
    def __call__(self, batch: AlignmentBatch) -> PriorFeatures:
        """Returns the features of every crop, present or not."""
        crops = batch.given.crops.flatten(0, 1)
        pictures = F.interpolate(crops, size=(INPUT_PX, INPUT_PX), mode="bilinear", antialias=True)
        features = [self._one(picture) for picture in pictures.movedim(1, -1).cpu().numpy()]
        return PriorFeatures(keypoints=by_hand(torch.stack(features).to(crops.device)))

    def _one(self, picture: Float[np.ndarray, "h w 3"]) -> Float[Tensor, "c 14 14"]:
        self._interpreter.set_tensor(self._input, np.ascontiguousarray(picture[None], dtype=np.float32))
        self._interpreter.invoke()
        maps = [torch.from_numpy(self._interpreter.get_tensor(index)[0]).movedim(-1, 0) for index in self._features]
        side = FEATURE_TENSORS[0][1]
        return torch.cat([F.interpolate(one[None], size=(side, side), mode="nearest")[0] for one in maps])
