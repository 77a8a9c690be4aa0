"""The file that a network's weights are in: safetensors of a named format, read strictly. Nothing in it runs."""

from __future__ import annotations

from pathlib import Path

from safetensors import SafetensorError, safe_open
from torch import Tensor

from a2p.errors import WeightsError


def read_weights(
    source: Path, *, form: str, most_bytes: int, trained_by: str
) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Returns a file's tensors and its metadata.

    `form` is what its metadata must have as `format`, `most_bytes` the most that such a file has, and `trained_by` the
    command that makes one. A file that is absent, too large, cut short or of another network raises `WeightsError`.
    """
    if not source.is_file():
        raise WeightsError(f"no weights file at {source}. Train one with `{trained_by}`.")
    if source.stat().st_size > most_bytes:
        raise WeightsError(f"{source.name}: a weights file has at most {most_bytes >> 20} MiB. Choose another file.")
    try:
        with safe_open(source, framework="pt") as file:
            metadata: dict[str, str] = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
    except (SafetensorError, OSError, ValueError) as error:
        raise WeightsError(f"{source.name} is no complete safetensors file: {error}. Fetch it again.") from error
    if metadata.get("format") != form:
        raise WeightsError(
            f"{source.name} must be of format {form!r}; got {metadata.get('format')!r}. It is of another network."
        )
    return tensors, metadata
