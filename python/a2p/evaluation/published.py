"""What the papers print, with the protocol that each figure was measured by.

Tables of "From 2D Alignment to 3D Plausibility" (Han et al., CVPR 2026), which cites the others' figures.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from a2p.evaluation.metrics import STAGE_COLUMNS, TEACHERS

INTERWILD = "InterWild's protocol (wrist-aligned, no rescaling)"
INTAGHAND = "its own: aligned at the middle finger's base, rescaled; not comparable"
UNDEFINED = "units and definitions not published"


@dataclass(frozen=True)
class PublishedRow:
    """One method's figures, in the order of its table's columns; None where the paper has a dash."""

    method: str
    values: tuple[float | None, ...]
    protocol: str = INTERWILD


@dataclass(frozen=True)
class PublishedTable:
    """One table of the paper."""

    title: str
    columns: tuple[str, ...]
    """Names of `metrics_of`."""
    rows: tuple[PublishedRow, ...]
    notes: tuple[str, ...] = field(default=())
    further_columns: tuple[str, ...] = field(default=())
    """Ours alone."""


PARAMETERS = "M parameters"
"""The column of learned numbers that are loaded, in millions."""
_ABLATION = ("MRRPE", "MPJPE", "MPVPE", "MPJPE-XY", "MPJPE-Z", "MPVPE-XY", "MPVPE-Z")
PUBLISHED: dict[int, PublishedTable] = {
    1: PublishedTable(
        "Accuracy on InterHand2.6M (5 fps, test, annotated by people), mm",
        ("MRRPE", "MPJPE", "MPVPE", "IH MPJPE", "IH MPVPE", "SH MPJPE", "SH MPVPE"),
        (
            PublishedRow("IntagHand", (None, 9.95, 10.29, 10.27, 10.53, 9.67, 9.91), INTAGHAND),
            PublishedRow("ACR", (None, 8.09, 8.29, 9.08, 9.31, 6.85, 7.01), "as cited by the paper"),
            PublishedRow("InterWild", (26.74, 7.85, 8.16, 8.24, 8.68, 6.72, 6.93)),
            PublishedRow("InterHandGen", (25.42, 7.50, 7.78, 8.13, 8.52, 6.47, 6.85), "as cited by the paper"),
            PublishedRow("4DHands", (24.58, 7.49, 7.72, None, None, None, None), "as cited by the paper"),
            PublishedRow("A2P (paper)", (21.60, 5.36, 5.58, 5.93, 5.87, 4.84, 4.86)),
        ),
    ),
    2: PublishedTable(
        "Accuracy on HIC, mm",
        ("MRRPE", "MPJPE", "MPVPE"),
        (
            PublishedRow("IntagHand", (73.04, 20.38, 21.56), INTAGHAND),
            PublishedRow("InterWild", (26.43, 15.62, 15.17)),
            PublishedRow("4DHands", (25.26, 9.32, 9.93), "as cited by the paper"),
            PublishedRow("A2P (paper)", (22.24, 6.67, 6.93)),
        ),
        ("HIC has no joints: ours are regressed from the meshes, of truth and prediction alike.",),
    ),
    3: PublishedTable(
        "Ablation on InterHand2.6M, mm",
        _ABLATION,
        (
            PublishedRow("baseline", (25.30, 7.77, 7.93, 5.21, 4.54, 5.29, 4.63)),
            PublishedRow("+ keypoints", (24.71, 6.48, 6.72, 4.28, 4.43, 4.39, 4.53)),
            PublishedRow("+ segmentation", (24.52, 6.19, 6.34, 4.21, 4.40, 4.33, 4.50)),
            PublishedRow("+ depth", (22.38, 5.74, 5.98, 4.13, 3.37, 4.19, 3.46)),
            PublishedRow("+ penetration-free diffusion", (21.60, 5.36, 5.58, 3.87, 3.01, 3.76, 3.05)),
        ),
    ),
    4: PublishedTable(
        "Efficiency",
        (PARAMETERS, "frames a second"),
        (
            PublishedRow("Sapiens encoders at inference", (1052.6, 3.0), "RTX 3090"),
            PublishedRow("fusion alignment encoder", (52.6, 56.0), "RTX 3090"),
            PublishedRow("and diffusion", (74.2, 18.0), "RTX 3090"),
        ),
        (
            "Ours: one picture at a time, from pixels to meshes; workers beside it share the machine. Stages: finding "
            "hands and keypoints (for a network alone: cutting crops), alignment, plausibility; means over pictures. "
            "Teachers loaded: those alive in the process that predicts.",
        ),
        ("ms a picture", *STAGE_COLUMNS, TEACHERS, "hands found"),
    ),
    5: PublishedTable(
        "Penetration between the two hands",
        ("PenVol", "PenDist", "ProxRatio"),
        (
            PublishedRow("InterHandGen", (0.76, 0.04, 0.97), UNDEFINED),
            PublishedRow("A2P (paper)", (0.11, 0.01, 0.99), UNDEFINED),
        ),
        (),
        ("MaxPen", "PenRate", "ContactKept"),
    ),
}
"""By the paper's numbers."""
