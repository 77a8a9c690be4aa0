"""A stream's frames that wait, never more than agreed, and what becomes of those that come too fast."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from a2p.service.failures import Rejection
from a2p.service.metrics import Metrics
from a2p.wire._generated import reconstruction_service_pb2 as pb

Policy: TypeAlias = Literal["block", "drop_oldest", "reject"]
_NOTES = 1024
"""Frames without a result of which the client has not been told; with so many, the server stops reading."""


class Slots:
    """Pictures that may be in memory, of all streams and calls together."""

    def __init__(self, count: int, metrics: Metrics) -> None:
        self.count = count
        self._free = asyncio.Semaphore(count)
        self._metrics = metrics

    async def take(self) -> None:
        """Waits for a slot."""
        await self._free.acquire()
        self._metrics.in_flight.inc()

    async def take_if_free(self) -> bool:
        """Takes a slot if one is free, and says so; does not wait."""
        if self._free.locked():
            return False
        await self.take()
        return True

    def give_back(self) -> None:
        """Frees a slot."""
        self._free.release()
        self._metrics.in_flight.dec()


@dataclass(frozen=True)
class Notes:
    """Frames without a result, of which the client is to be told."""

    dropped: tuple[int, ...] = ()
    """Ids of frames that gave way."""
    rejected: tuple[tuple[int, int], ...] = ()
    """Ids and timestamps of frames that were refused."""


class FrameQueue:
    """Frames between one reader, who puts, and one worker, who takes."""

    def __init__(self, policy: Policy, count: int, slots: Slots, metrics: Metrics) -> None:
        self.count = count
        self._policy = policy
        self._slots = slots
        self._metrics = metrics
        self._frames: deque[pb.Frame] = deque()
        self._dropped: list[int] = []
        self._rejected: list[tuple[int, int]] = []
        self._in_work = 0
        self._is_closed = False
        self._failure: Rejection | None = None
        self._changed = asyncio.Event()
        self._taken = asyncio.Event()

    async def put(self, frame: pb.Frame) -> None:
        """Lets a frame wait, or settles by the policy what becomes of it. Waits itself where the policy says so."""
        self._metrics.queue_depth.observe(len(self._frames))
        if self._policy == "block":
            await self._until_taken(lambda: len(self._frames) < self.count)
            await self._slots.take()
            self._frames.append(frame)
        elif self._policy == "reject":
            await self._put_or_reject(frame)
        else:
            await self._put_or_drop(frame)
        self._changed.set()
        await self._until_taken(lambda: len(self._dropped) + len(self._rejected) < _NOTES)

    def close(self, failure: Rejection | None = None) -> None:
        """Says that no frame follows; `failure` then ends the stream once the waiting frames are done."""
        self._is_closed = True
        self._failure = self._failure or failure
        self._changed.set()

    async def is_open(self) -> bool:
        """Waits for a frame or a note; false at the end of the stream. Raises what the stream was closed with."""
        while not (self._frames or self._dropped or self._rejected or self._is_closed):
            self._changed.clear()
            await self._changed.wait()
        if self._frames or self._dropped or self._rejected:
            return True
        if self._failure is not None:
            raise self._failure
        return False

    @property
    def has_frame(self) -> bool:
        """Whether a frame waits."""
        return bool(self._frames)

    def notes(self) -> Notes:
        """Returns what the client has not been told yet."""
        notes = Notes(tuple(self._dropped), tuple(self._rejected))
        self._dropped, self._rejected = [], []
        self._taken.set()
        return notes

    def take(self) -> pb.Frame:
        """Returns the next frame, one of those that wait; it holds a slot until `finish`."""
        self._in_work += 1
        self._taken.set()
        return self._frames.popleft()

    def finish(self) -> None:
        """Frees the slot of the frame in work."""
        self._in_work -= 1
        self._slots.give_back()

    def clear(self) -> None:
        """Frees everything, whatever the state."""
        for _ in range(len(self._frames) + self._in_work):
            self._slots.give_back()
        self._frames.clear()
        self._in_work = 0

    async def _put_or_reject(self, frame: pb.Frame) -> None:
        if len(self._frames) < self.count and await self._slots.take_if_free():
            self._frames.append(frame)
        else:
            self._rejected.append((frame.frame_id, frame.timestamp_us))
            self._metrics.frames.labels("rejected").inc()

    async def _put_or_drop(self, frame: pb.Frame) -> None:
        """The oldest frame gives its place, and where no slot is free its slot, to the new one."""
        is_full = len(self._frames) >= self.count
        if is_full or not await self._slots.take_if_free():
            if self._frames:
                self._dropped.append(self._frames.popleft().frame_id)
                self._metrics.frames.labels("dropped").inc()
            else:
                await self._slots.take()
        self._frames.append(frame)

    async def _until_taken(self, is_met: Callable[[], bool]) -> None:
        while not is_met():
            self._taken.clear()
            await self._taken.wait()
