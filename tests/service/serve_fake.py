"""A server of fake results in a process of its own, for tests that kill it: python -m tests.service.serve_fake PORT."""

from __future__ import annotations

import asyncio
import sys

from a2p.service.config import ServeConfig
from a2p.service.server import Server
from tests.service.fakes import FakeBackend


async def _serve(port: int, delay_s: float) -> None:
    server = Server(ServeConfig(port=port), FakeBackend(delay_s=delay_s))
    await server.serve_until_signal(lambda chosen: print(chosen, flush=True))


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]), float(sys.argv[2])))
