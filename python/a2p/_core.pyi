"""
Native operations of a2p.
"""
from __future__ import annotations
import typing
__all__: list[str] = ['isa', 'runnable_isas', 'set_isa', 'set_thread_count', 'thread_count']
def isa() -> str:
    """
    Instruction set that native operations run with.
    """
def runnable_isas() -> list:
    """
    Instruction sets that run on this processor, by ascending preference.
    """
def set_isa(name: typing.Any) -> None:
    """
    Chooses the instruction set of later calls; None restores the best.
    """
def set_thread_count(count: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    Sets the default number of threads; 0 restores the hardware's number.
    """
def thread_count() -> int:
    """
    Number of threads native operations use by default.
    """
__version__: str = '0.1.0'
