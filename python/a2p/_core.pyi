"""
Native operations of a2p.
"""

from __future__ import annotations
import typing

__all__: list[str] = ["set_thread_count", "thread_count"]

def set_thread_count(count: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    Sets the default number of threads; 0 restores the hardware's number.
    """

def thread_count() -> int:
    """
    Number of threads native operations use by default.
    """

__version__: str = "0.1.0"
