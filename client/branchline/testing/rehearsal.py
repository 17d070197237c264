"""Workflows played in virtual time, for tests."""

from __future__ import annotations

import random
import re
import weakref
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any, Final, Self

import msgspec

from branchline.client import _json
from branchline.client.types import RegisteredWorkflow
from branchline.engine.inputs import InvalidInputs, bind_inputs
from branchline.testing.attempts import Attempt
from branchline.testing.clock import Clock, length, micros, moment, span_of
from branchline.testing.desk import Desk
from branchline.testing.library import Definition, Library
from branchline.testing.loop import VirtualLoop
from branchline.testing.mover import Mover, is_outside, must_be_outside
from branchline.testing.offers import Activities, offers_of
from branchline.testing.refusals import execution_exists, invalid_field, invalid_inputs
from branchline.testing.run import Run
from branchline.testing.world import World

_START: Final = datetime(2026, 1, 1, tzinfo=UTC)
_ID: Final = re.compile(r"[A-Za-z0-9_.:/@-]{1,200}")


class Rehearsal:
    """Workflows, the activities that they need, and a clock that moves when it is told to.

    ``definitions`` are what the SDK's ``register`` takes: paths, texts, mappings, messages.
    ``activities`` says who performs which activity, see ``Activities``; they are offered on the
    task queue ``default``, unless ``queues`` names another by the activity's name. ``start`` is
    the time at the beginning. A worker that crashes is missed after ``lease`` seconds, and a
    task that is delivered ``max_deliveries`` times without an outcome fails with
    ``worker_lost``, as on a server. ``seed`` gives the dice for jitter. While threads, processes
    or connections of activities are at work no time passes, until nothing has come of them for
    ``patience`` real seconds.

    It can be used in ``with``, or left to itself; it is for one thread, and for plain test
    functions, not async ones.

    Raises:
        InvalidDefinition: a definition has problems.
        OSError: a definition's file cannot be read.
        TypeError: something cannot perform an activity.
        ValueError: an activity without performers, or a number out of range.

    """

    def __init__(
        self,
        *definitions: Definition,
        activities: Activities = (),
        queues: Mapping[str, str] | None = None,
        start: datetime = _START,
        lease: float = 10.0,
        max_deliveries: int = 5,
        seed: int = 0,
        patience: float = 10.0,
    ) -> None:
        must_be_outside()
        if lease <= 0 or max_deliveries < 1 or patience <= 0:
            raise ValueError("lease, max_deliveries and patience must be more than 0")
        offers = offers_of(activities, queues or {})
        self._library = Library()
        for definition in definitions:
            self._library.register(definition)
        self._clock = Clock(start)
        loop = VirtualLoop(self._clock, patience)
        self._desk = Desk(
            self._clock,
            loop,
            lease=micros(timedelta(seconds=lease)),
            max_deliveries=max_deliveries,
        )
        self._close = weakref.finalize(self, _close, loop, self._desk)
        self._desk.offers |= offers
        dice = random.Random(seed)  # noqa: S311 - it spreads delays
        self._world = World(self._clock, self._library, dice.random, self._desk)
        self._mover = Mover(self._clock, loop, self._desk)
        self._requests: dict[tuple[str, str], str] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop the activities that are still at work. What has happened can be read on."""
        self._close()

    # Workflows and activities

    def register(self, definition: Definition) -> RegisteredWorkflow:
        """Register a definition as the next version of its name (semantics 2.7).

        Raises:
            InvalidDefinition: it has problems; all of them are listed.
            OSError: the file cannot be read.

        """
        return self._library.register(definition)

    def offer(self, activities: Activities, *, queues: Mapping[str, str] | None = None) -> None:
        """Offer more activities, or the same ones otherwise, from now on.

        Raises:
            TypeError: something cannot perform an activity.
            ValueError: an activity without performers.

        """
        self._desk.offers |= offers_of(activities, queues or {})
        self._mover.settle()

    # Executions

    def start(
        self,
        workflow: str,
        inputs: Mapping[str, Any] | None = None,
        *,
        id: str | None = None,  # noqa: A002 - as the API calls it
        request_id: str | None = None,
        version: int | None = None,
        labels: Mapping[str, str] | None = None,
        timeout: float | timedelta | None = None,
    ) -> Run:
        """Start an execution, as ``Client.start`` does, and let happen what needs no time.

        Ids are ``exec_00000001``, ``exec_00000002`` and so on, unless one is given.

        Raises:
            WorkflowNotFound: no such workflow or version.
            InvalidInputs: inputs are unknown, missing or of the wrong type; all are listed.
            InvalidRequest: an id that is none, or a timeout that is not above 0.
            AlreadyExists: the id is in use.
            ValueError: the inputs cannot be written as JSON.

        """
        if id is not None and not _ID.fullmatch(id):
            raise invalid_field("id", "must be 1 to 200 letters, digits or any of -_.:/@")
        limit = None if timeout is None else micros(span_of(timeout))
        if limit is not None and limit <= 0:
            raise invalid_field("timeout", f"must be more than 0, not {timeout}")
        plan = self._library.plan(workflow, version or 0)
        earlier = self._requests.get((workflow, request_id or ""))
        if earlier in self._world.hosted:
            return self.execution(earlier)
        given = msgspec.json.decode(
            _json.encode(dict(inputs or {}), "inputs"), type=dict[str, msgspec.Raw]
        )
        try:
            bound = bind_inputs(plan.workflow, given)
        except InvalidInputs as error:
            raise invalid_inputs(error) from error
        if id in self._world.hosted:
            raise execution_exists(id)
        hosted = self._world.start(plan, bound, id or "", timeout=limit, labels=labels)
        if request_id:
            self._requests[workflow, request_id] = hosted.state.id
        self._mover.settle()
        return self.execution(hosted.state.id)

    def execution(self, id: str) -> Run:  # noqa: A002 - as the API calls it
        """A handle on an execution."""
        return Run(self._world, self._clock, self._mover.settle, id)

    def executions(self, workflow: str = "") -> list[Run]:
        """All executions, or those of a workflow, in the order of their starts."""
        return [
            self.execution(hosted.state.id)
            for hosted in self._world.hosted.values()
            if workflow in ("", hosted.state.workflow)
        ]

    # Time

    @property
    def now(self) -> datetime:
        """The time."""
        return moment(self._clock.now)

    @property
    def next_due(self) -> datetime | None:
        """When the next thing happens by itself; None when nothing does."""
        due = self._mover.next_due()
        return None if due is None else moment(due)

    def advance(
        self,
        seconds: float | timedelta = 0,
        *,
        minutes: float = 0,
        hours: float = 0,
        days: float = 0,
    ) -> None:
        """Let so much time pass, with all that happens in it; the parts are added up.

        Raises:
            ValueError: it is negative.

        """
        span = length(seconds, minutes=minutes, hours=hours, days=days)
        self._mover.move(self._clock.now + micros(span))

    def run(self) -> None:
        """Let time pass until nothing happens any more without help from outside.

        Raises:
            AssertionError: there is no end of it, as in a workflow that goes round for ever.

        """
        self._mover.move(None)

    def run_until(
        self, condition: Callable[[], object], within: float | timedelta | None = None
    ) -> None:
        """Let time pass until something holds; it is looked at whenever time is about to move.

        Raises:
            AssertionError: it does not hold after so many seconds, or when nothing happens any
                more.

        """
        until = None if within is None else self._clock.now + micros(length(within))
        if not self._mover.move(until, lambda: bool(condition())):
            raise AssertionError(f"the condition does not hold at {self.now}")

    # What goes wrong, and what was asked

    def restart(self) -> None:
        """Restart the server: every execution is read again from its history.

        Raises:
            AssertionError: a history does not give the state that was left, a fault of the
                engine's.

        """
        self._world.restart()

    def crash_workers(self) -> None:
        """Let all workers crash: what they have in hand is delivered again after its lease."""
        self._desk.lose_all()

    def attempts(self, activity: str = "") -> list[Attempt]:
        """The attempts of an activity, or of all, in the order in which they began."""
        return [a for a in self._desk.attempts if activity in ("", a.activity)]

    def calls(self, activity: str) -> list[dict[str, Any]]:
        """The parameters of each attempt of an activity, in the order in which they began."""
        return [attempt.parameters for attempt in self.attempts(activity)]

    def at_once(self, activity: str) -> int:
        """How many attempts of an activity were at work at the same time, at most."""
        return self._desk.most.get(activity, 0)


def _close(loop: VirtualLoop, desk: Desk) -> None:
    if is_outside():  # when it is dropped within async code, nothing can be run
        desk.close()
    loop.close()
