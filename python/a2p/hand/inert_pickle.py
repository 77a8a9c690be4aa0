"""Reads a pickle as data: whatever it asks to have built or called becomes an inert record of the request.

Every name that a pickle may mention maps to a class of `Record`, which only remembers arguments and state; no object
or function that the file names is ever looked up, let alone called. A name that is not allowed ends the reading with
`UnsafeFileError`. `pickled_arrays` interprets the records afterwards. So a file can at worst be unreadable.
"""

from __future__ import annotations

import io
import pickle
import pickletools
from typing import ClassVar, cast

from a2p.errors import HandModelError, UnsafeFileError

_MAX_OPCODES = 1_000_000
"""MANO's files have a few thousand. Bounds the work, and the memo that a pickle can make its reader allocate."""


class Record:
    """What a pickle asked for under one name: the arguments of the call, and the state set afterwards.

    `__setstate__` also keeps a pickle from setting attributes of these classes, which outlive the reading.
    """

    __slots__ = ("arguments", "state")
    name: ClassVar[str]
    arguments: tuple[object, ...]
    state: object

    def __new__(cls, *arguments: object) -> Record:
        """Returns the record of a call, which is what unpickling does with a class."""
        record = super().__new__(cls)
        record.arguments, record.state = arguments, None
        return record

    def __setstate__(self, state: object) -> None:
        self.state = state


def load_inert(data: bytes, source: str) -> object:
    """Returns the pickled object, with records for everything but plain values. `source` names the file in errors."""
    try:
        _check_instructions(data)
        return _InertUnpickler(io.BytesIO(data), encoding="latin1").load()
    except UnsafeFileError as error:
        raise UnsafeFileError(f"{source} {error}") from None
    except Exception as error:  # a damaged pickle makes the unpickler raise nearly every builtin type
        raise HandModelError(f"{source} is not a readable pickle: {error or type(error).__name__}.") from error


class _InertUnpickler(pickle.Unpickler):
    def find_class(self, module_name: str, global_name: str, /) -> type[Record]:
        record = _ALLOWED.get((module_name, global_name))
        if record is None:
            name = f"{module_name}.{global_name}"[:100].encode("ascii", "backslashreplace").decode()
            raise UnsafeFileError(
                f"asks for {name}, which a hand model has no use for; nothing in it ran. "
                "Get the file anew from the model's own site."
            )
        return record


def _check_instructions(data: bytes) -> None:
    """Raises ValueError for sizes and memo indices that would make the unpickler allocate before it looks."""
    for count, (opcode, argument, _) in enumerate(pickletools.genops(data)):
        if count > _MAX_OPCODES or (opcode.name in _STORING and cast("int", argument) > _MAX_OPCODES):
            raise ValueError(f"it has more than {_MAX_OPCODES} instructions, or says so")


_STORING = ("PUT", "BINPUT", "LONG_BINPUT")


def _record_class(name: str) -> type[Record]:
    return type(name, (Record,), {"__slots__": (), "name": name})


def _allowed() -> dict[tuple[str, str], type[Record]]:
    """Returns the names that occur in pickled numpy, chumpy and scipy arrays, under their modules old and new."""
    homes: dict[str, tuple[str, ...]] = {
        "_reconstruct": ("numpy.core.multiarray", "numpy._core.multiarray"),
        "scalar": ("numpy.core.multiarray", "numpy._core.multiarray"),
        "_frombuffer": ("numpy.core.numeric", "numpy._core.numeric"),
        "ndarray": ("numpy",),
        "dtype": ("numpy",),
        "csc_matrix": ("scipy.sparse.csc", "scipy.sparse._csc"),
        "Ch": ("chumpy.ch",),
        "Select": ("chumpy.reordering",),
        "Reshape": ("chumpy.reordering",),
        "transpose": ("chumpy.reordering",),
        "_reconstructor": ("copy_reg", "copyreg"),
        "object": ("__builtin__", "builtins"),
        "set": ("__builtin__", "builtins"),
        "bytes": ("__builtin__", "builtins"),
        "encode": ("_codecs",),
    }
    records = {name: _record_class(name) for name in homes}
    return {(module, name): records[name] for name, modules in homes.items() for module in modules}


_ALLOWED = _allowed()
