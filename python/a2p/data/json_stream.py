"""Reads JSON files of any size piece by piece: annotations of gigabytes never lie in memory as a whole."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO, TypeAlias

from a2p.errors import DataError

Keys: TypeAlias = tuple["str | int", ...]
"""Where a value stands: names of objects and places in lists, from the outside in."""

_CHUNK = 1 << 20
_SPACE = " \t\r\n"
_NUMBER = "0123456789.eE+-"
"""After a value, these are the rest of a number that a chunk's end has cut."""
_DAMAGE_MARGIN = 1 << 16
"""A syntax error so far from what has been read last is no matter of reading on."""


def stream_json(path: Path, *, depth: int) -> Iterator[tuple[Keys, object]]:
    """Yields the values that stand `depth` levels deep, in the file's order, each with its keys.

    Raises:
        DataError: The file is missing, cut short or not JSON; the message names it and the last key read.
    """
    try:
        with path.open(encoding="utf-8") as file:
            yield from _values(_Reader(file, path), depth, ())
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}. Check that the download is complete.") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8 text: {error.reason}. Download it anew.") from error


def read_json(path: Path) -> object:
    """Returns a small file's content."""
    return next(iter(stream_json(path, depth=0)))[1]


def read_members(path: Path) -> dict[str, object]:
    """Returns a small file's object, read member by member: errors name the one at which the file is damaged."""
    return {str(keys[0]): value for keys, value in stream_json(path, depth=1)}


def located(path: Path, keys: Keys) -> str:
    """Returns how errors name a place in a file: `file: ["a"][3]`."""
    return f"{path}: {''.join(f'[{json.dumps(key)}]' for key in keys)}" if keys else str(path)


class _Reader:
    """A window on a text file that moves over one JSON value after another."""

    def __init__(self, file: TextIO, path: Path) -> None:
        self.path = path
        self._file = file
        self._text = ""
        self._at = 0
        self._ended = False
        self._decoder = json.JSONDecoder()

    def take(self, keys: Keys) -> str:
        """Returns the next character that is not space, and moves behind it."""
        character = self.peek(keys)
        self._at += 1
        return character

    def peek(self, keys: Keys) -> str:
        """Returns the next character that is not space."""
        while True:
            while self._at < len(self._text) and self._text[self._at] in _SPACE:
                self._at += 1
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._fill():
                raise DataError(
                    f"{located(self.path, keys)} is where the file ends, too early. Download the file anew."
                )

    def value(self, keys: Keys) -> object:
        """Returns the next whole value."""
        self.peek(keys)
        while True:
            try:
                value, end = self._decoder.raw_decode(self._text, self._at)
                if self._ended or (end < len(self._text) and self._text[end] not in _NUMBER):
                    self._at = end
                    return value
            except json.JSONDecodeError as error:
                if self._ended or error.pos < len(self._text) - _DAMAGE_MARGIN:
                    raise DataError(
                        f"{located(self.path, keys)} is not valid JSON: {error.msg}. The file is damaged or cut "
                        "short; download it anew."
                    ) from error
            self._fill()

    def _fill(self) -> bool:
        """Reads on; drops what lies behind. Returns whether there was more."""
        kept = self._text[self._at :]
        more = self._file.read(max(_CHUNK, len(kept)))
        self._text, self._at = kept + more, 0
        self._ended = not more
        return bool(more)


def _values(reader: _Reader, depth: int, keys: Keys) -> Iterator[tuple[Keys, object]]:
    if depth == 0:
        yield keys, reader.value(keys)
        return
    opening = reader.take(keys)
    if opening not in "{[":
        raise DataError(
            f"{located(reader.path, keys)} must be an object or a list; it starts with {opening!r}. "
            "This is another file or another version of it."
        )
    closing = "}" if opening == "{" else "]"
    count = 0
    if reader.peek(keys) == closing:
        reader.take(keys)
        return
    while True:
        key: str | int = _name(reader, keys) if opening == "{" else count
        yield from _values(reader, depth - 1, (*keys, key))
        count += 1
        separator = reader.take((*keys, key))
        if separator == closing:
            return
        if separator != ",":
            raise DataError(
                f"{located(reader.path, (*keys, key))} must be followed by ',' or '{closing}'; got {separator!r}. "
                "The file is damaged; download it anew."
            )


def _name(reader: _Reader, keys: Keys) -> str:
    name = reader.value(keys)
    if not isinstance(name, str) or reader.take(keys) != ":":
        raise DataError(f"{located(reader.path, keys)} has a key that is no string. The file is damaged.")
    return name
