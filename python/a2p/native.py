"""The compiled extension, imported in one place with an error that says what to do."""

try:
    import a2p._core as core
except ImportError as error:  # pragma: no cover - only in a broken installation
    raise ImportError(
        "a2p needs its compiled extension a2p._core, which is missing or was built for another Python: "
        f"{error}. Install a2p with pip (pip install .) into the Python that imports it."
    ) from error

__all__ = ["core"]
