"""The command line. Each command is a dataclass of its own module, with a `run` that returns the exit code.

A command's module imports what it runs inside `run`, so that `a2p --help` needs no PyTorch.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated, TypeAlias

import tyro

from a2p.cli.bench import Bench
from a2p.cli.client import Client
from a2p.cli.data import DataCommands
from a2p.cli.evaluate import Evaluate
from a2p.cli.exit_codes import EXIT_USAGE
from a2p.cli.hand import HandCommands
from a2p.cli.health import Health
from a2p.cli.reconstruct import Reconstruct
from a2p.cli.serve import Serve
from a2p.cli.stream import Stream
from a2p.cli.train import TrainCommands
from a2p.cli.view import View
from a2p.errors import A2PError

_Command: TypeAlias = (
    Annotated[Reconstruct, tyro.conf.subcommand("reconstruct")]
    | Annotated[HandCommands, tyro.conf.subcommand("hand")]
    | Annotated[DataCommands, tyro.conf.subcommand("data")]
    | Annotated[Evaluate, tyro.conf.subcommand("evaluate")]
    | Annotated[Bench, tyro.conf.subcommand("bench")]
    | Annotated[Stream, tyro.conf.subcommand("stream")]
    | Annotated[Serve, tyro.conf.subcommand("serve")]
    | Annotated[Client, tyro.conf.subcommand("client")]
    | Annotated[Health, tyro.conf.subcommand("health")]
    | Annotated[View, tyro.conf.subcommand("view")]
    | Annotated[TrainCommands, tyro.conf.subcommand("train")]
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line and returns its exit code: 0, 1 where something failed, 2 for wrong usage."""
    command: (
        Reconstruct
        | HandCommands
        | DataCommands
        | Evaluate
        | Bench
        | Stream
        | Serve
        | Client
        | Health
        | View
        | TrainCommands
    ) = tyro.cli(
        _Command,
        prog="a2p",
        description="Two posed hand meshes from one picture.",
        args=arguments,
        config=(tyro.conf.OmitSubcommandPrefixes, tyro.conf.OmitArgPrefixes),
    )
    try:
        return command.run()
    except A2PError as error:
        print(f"a2p: {error}", file=sys.stderr)
        return EXIT_USAGE
