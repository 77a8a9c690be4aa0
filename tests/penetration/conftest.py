"""The backends that can run here, each a parameter of the tests that ask for `backend`."""

from __future__ import annotations

import pytest

from a2p.penetration import dispatch


@pytest.fixture(params=dispatch.NAMES)
def backend(request: pytest.FixtureRequest) -> str:
    """The name of a backend; the test skips with the reason where it cannot run."""
    import torch

    name: str = request.param
    reason = dispatch.reason_unavailable(name, torch.device("cpu"))
    if reason is not None:
        pytest.skip(f"backend {name}: {reason}")
    return name
