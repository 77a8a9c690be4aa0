"""Optional dependencies, asked for by the name of the extra that installs them."""

from __future__ import annotations

from importlib.util import find_spec

from a2p.errors import BackendError


def require_extra(extra: str, *modules: str) -> None:
    """Raises BackendError, with the command that mends it, where a module of an extra is not installed."""
    missing = [module for module in modules if find_spec(module) is None]
    if missing:
        raise BackendError(
            f"this needs the extra '{extra}'; {', '.join(missing)} cannot be imported. "
            f"Install it with: pip install 'a2p-hands[{extra}]'"
        )
