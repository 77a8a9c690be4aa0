"""Fixtures that every test may use."""

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of photos, annotations and assets that may not be redistributed; tests skip without it."""
    folder = Path(__file__).resolve().parents[2] / "shared"
    if not (folder / "photos").is_dir():
        pytest.skip(f"needs the shared test data beside the repository ({folder.name}/photos)")
    return folder
