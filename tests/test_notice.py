"""NOTICE and the committed tables name the files that are packaged, by their hashes."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

import a2p

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = Path(a2p.__file__).parent
LEARNED = sorted(path for path in PACKAGE.glob("*/assets/*") if path.suffix in (".safetensors", ".tflite"))


def test_there_are_learned_files() -> None:
    assert len(LEARNED) >= 4


@pytest.mark.parametrize("path", LEARNED, ids=lambda path: path.name)
@pytest.mark.parametrize("page", ["NOTICE", "docs/evaluation/tables.md"])
def test_page_has_the_hash_of_each_learned_file(page: str, path: Path) -> None:
    lines = (ROOT / page).read_text().splitlines()
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    named = [index for index, line in enumerate(lines) if path.name in line]
    assert any(digest in line for index in named for line in lines[index : index + 6]), f"{page}: {path.name} {digest}"
