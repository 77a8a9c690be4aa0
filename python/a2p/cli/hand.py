"""`a2p hand convert` and `a2p hand info`: hand model files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

import tyro

from a2p.cli.exit_codes import EXIT_OK


@dataclass(frozen=True, kw_only=True)
class ConvertHand:
    """Converts a MANO pickle to an .npz that holds arrays only; no code in the pickle runs."""

    pickle: tyro.conf.Positional[Path]
    """MANO_RIGHT.pkl or MANO_LEFT.pkl."""
    out: Annotated[Path | None, tyro.conf.arg(aliases=["-o"])] = None
    """The .npz to write; by default beside the pickle."""

    def run(self) -> int:
        """Writes the .npz and returns the exit code."""
        from a2p.hand.mano_file import convert_mano

        print(f"wrote {convert_mano(self.pickle, self.out)}")
        return EXIT_OK


@dataclass(frozen=True, kw_only=True)
class HandInfo:
    """Prints what a hand model holds."""

    model: tyro.conf.Positional[str] = "open"
    """`open`, or a folder or file of MANO."""
    side: Literal["right", "left"] = "right"
    """Which hand."""

    def run(self) -> int:
        """Prints the counts and returns the exit code."""
        from a2p.hand import HandModel

        model = HandModel.load(self.model, side=self.side)
        topology = model.topology
        print(f"{self.model} ({model.side})")
        print(f"vertices      {model.v_template.shape[0]}")
        print(f"faces         {topology.faces.shape[0]}, {int(topology.is_cap.sum())} of them close the wrist")
        print(f"joints        {model.J_template.shape[0]}")
        print(f"betas         {model.shapedirs.shape[-1]}")
        return EXIT_OK


_HandCommand: TypeAlias = (
    Annotated[ConvertHand, tyro.conf.subcommand("convert")] | Annotated[HandInfo, tyro.conf.subcommand("info")]
)


@dataclass(frozen=True, kw_only=True)
class HandCommands:
    """Reads and converts hand model files."""

    command: _HandCommand

    def run(self) -> int:
        """Runs the subcommand and returns its exit code."""
        return self.command.run()
