"""What `a2p bench` times: the operations that others build on, on two open hands, as a caller meets them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import torch

from a2p.bench.hands import ReachingHands, reaching_hands
from a2p.bench.timing import Timing, take_turns
from a2p.native import core
from a2p.penetration import FusedPenetration, penetration_depth, signed_distance
from a2p.penetration.dispatch import resolve
from a2p.threads import one_torch_thread

PENETRATION = "penetration + gradient"
SIGNED_DISTANCE = "signed distance"
FUSED_STEP = "fused step"
SKINNING = "skinning"
BATCHES = (1, 64)
CUDA_BATCHES = (1, 64, 1024)
MAX_ROUNDS = 200


@dataclass(frozen=True)
class Case:
    """One operation on a batch, ready to be called."""

    operation: str
    backend: str
    """The one that `auto` chose."""
    batch: int
    threads: int | None
    """Of the processor; None where it is not what works."""
    call: Callable[[], object]


@dataclass(frozen=True)
class Measurement:
    """How long one case took."""

    operation: str
    backend: str
    batch: int
    threads: int | None
    timing: Timing

    @property
    def rate(self) -> float:
        """Pairs or hands a second."""
        return 1e3 * self.batch / self.timing.median_ms


def measure(*, seconds: float = 1.0) -> list[Measurement]:
    """Returns every case's time, the processor's first; each case takes about `seconds`.

    PyTorch is held to one thread, a2p's native code to the number that a case says.
    """
    found = _timed(list(cpu_cases()), seconds)
    if torch.cuda.is_available():
        found += _timed(list(cuda_cases()), seconds)
    return found


def _timed(cases: list[Case], seconds: float) -> list[Measurement]:
    before = core.thread_count()
    functions = {str(index): partial(_run, case) for index, case in enumerate(cases)}
    try:
        with one_torch_thread():
            timings = take_turns(functions, rounds=MAX_ROUNDS, budget_s=seconds)
    finally:
        core.set_thread_count(before)
    return [
        Measurement(case.operation, case.backend, case.batch, case.threads, timing)
        for case, timing in zip(cases, timings.values(), strict=True)
    ]


def _run(case: Case, _turn: int) -> None:
    if case.threads is not None:
        core.set_thread_count(case.threads)
    case.call()


def cpu_cases() -> Iterator[Case]:
    """Yields each operation by batch and threads: one, and as many as a2p takes by default."""
    backend = resolve("auto", "cpu")
    for batch in BATCHES:
        hands = reaching_hands(batch)
        operations: dict[str, tuple[str, Callable[[], object]]] = {
            PENETRATION: (backend, _penetration(hands, "cpu")),
            SIGNED_DISTANCE: (backend, _signed_distance(hands, "cpu")),
            FUSED_STEP: ("cpu", _fused_step(hands)),
            SKINNING: ("cpu", _skinning(hands)),
        }
        for operation, (name, call) in operations.items():
            for threads in dict.fromkeys((1, core.thread_count())):
                yield Case(operation, name, batch, threads, call)


def cuda_cases() -> Iterator[Case]:
    """Yields the operations that run on a GPU, by batch."""
    backend = resolve("auto", "cuda")
    for batch in CUDA_BATCHES:
        hands = reaching_hands(batch)
        yield Case(PENETRATION, backend, batch, None, _finished(_penetration(hands, "cuda")))
        yield Case(SIGNED_DISTANCE, backend, batch, None, _finished(_signed_distance(hands, "cuda")))


def _penetration(hands: ReachingHands, device: str) -> Callable[[], object]:
    right, left = (model.topology for model in hands.models)
    a, b = (vertices.to(device).requires_grad_() for vertices in (hands.vertices_right, hands.vertices_left))
    return lambda: torch.autograd.grad(penetration_depth(a, b, right, left).loss.sum(), (a, b))


def _signed_distance(hands: ReachingHands, device: str) -> Callable[[], object]:
    points, vertices = hands.vertices_right.to(device), hands.vertices_left.to(device)
    return partial(signed_distance, points, vertices, hands.models.left.topology)


def _finished(call: Callable[[], object]) -> Callable[[], object]:
    """Returns the call with a wait for the GPU to finish it."""

    def finish() -> None:
        call()
        torch.cuda.synchronize()

    return finish


def _fused_step(hands: ReachingHands) -> Callable[[], object]:
    return partial(FusedPenetration(hands.models.right, hands.models.left), hands.right, hands.left)


def _skinning(hands: ReachingHands) -> Callable[[], object]:
    return partial(hands.models.right, hands.right)
