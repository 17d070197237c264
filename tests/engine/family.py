"""Plays parents and children: one execution alone, or several that start each other."""

from __future__ import annotations

from collections.abc import Mapping

from branchline.engine import Cancel, ChildBegan, ChildClosed, ChildRefused, Link, Status
from branchline.engine.definition import SECOND
from branchline.engine.events import (
    ChildrenStopped,
    ChildRequested,
    ChildTimedOut,
    Event,
    Failure,
)

from .playing import Json, Play, documents, plain_all, step


def spawn(name: str, *edges: Json, workflow: str = "bread", **fields: Json) -> Json:
    """A step that starts a child."""
    own = ("version", "inputs", "wait", "timeout")
    child = {key: fields.pop(key) for key in own if key in fields}
    return step(name, *edges, child={"workflow": workflow, **child}, **fields)


def retrying(retries: int = 1, delay: int = 0, **fields: Json) -> list[Json]:
    """A retry policy for everything, at once if not told otherwise."""
    return [{"error_equals": ["all"], "max_retries": retries, "base_delay": delay, **fields}]


def catching(error_type: str, target: str = "rescue") -> list[Json]:
    """A handler for one type of error."""
    return [{"error_equals": [error_type], "next": target, "store": "caught"}]


class Parent(Play):
    """An execution whose children a test plays by hand; child 3 has the id ``child_3``."""

    def begin(self, *children: int) -> list[Event]:
        """Let children begin, all that are asked for if none is named."""
        events: list[Event] = []
        for child in children or list(self.state.requests):
            events += self.send(ChildBegan(child=child, execution=f"child_{child}"))
        return events

    def refuse(self, child: int = 1, error_type: str = "child_start_failed") -> list[Event]:
        """Tell that a child cannot be started."""
        return self.send(ChildRefused(child=child, error=Failure(error_type, "no such thing")))

    def close(
        self, child: int = 1, outputs: Mapping[str, Json] | None = None, duration: int = SECOND
    ) -> list[Event]:
        """Tell that a child has completed."""
        given = documents(outputs or {})
        closing = ChildClosed(child, Status.COMPLETED, outputs=given, duration=duration)
        return self.send(closing)

    def lose(self, child: int = 1, error_type: str = "burnt") -> list[Event]:
        """Tell that a child has failed."""
        error = Failure(error_type, "too hot")
        return self.send(ChildClosed(child=child, status=Status.FAILED, error=error))

    def call_off(self, child: int = 1) -> list[Event]:
        """Tell that a child was cancelled."""
        return self.send(ChildClosed(child=child, status=Status.CANCELED))

    @property
    def asked(self) -> list[int]:
        """The children and follow-ups that are asked for."""
        return list(self.state.requests)

    @property
    def awaited(self) -> list[str]:
        """The children that are waited for."""
        return [execution for branch in self.state.live_branches() for execution in branch.children]

    @property
    def stopped(self) -> list[str]:
        """The children that are to be cancelled because of this execution."""
        found: list[str] = []
        for _, event in self.history:
            if isinstance(event, ChildrenStopped):
                found += event.executions
            elif isinstance(event, ChildTimedOut):
                found.append(event.execution)
        return found

    def child_inputs(self, child: int = 1) -> Json:
        """The inputs of a child that is asked for, in plain values."""
        return plain_all(self.state.requests[child].inputs)

    @property
    def attempts(self) -> list[tuple[int, int | None, int]]:
        """Of every child that a step has asked for: its number, its item, the attempt."""
        return [(event.child, event.item, event.attempt) for event in self.events(ChildRequested)]


class Family:
    """Executions that start each other, as a host lets them: nothing is left undone."""

    def __init__(self, **workflows: Json) -> None:
        self._workflows = workflows
        self.links: dict[str, Link] = {}
        """Of those that another one has started."""
        self.told: set[str] = set()
        """Those whose end their parent knows."""
        self._stops: dict[str, int] = {}
        """How many of the children that each has stopped were told so."""
        self.plays: dict[str, Parent] = {}
        """By id: the name of the workflow and a number that counts through all."""

    def start(self, workflow: str, given: Mapping[str, Json] | None = None) -> Parent:
        """Start an execution, and all that follows."""
        play = self._start(workflow, given or {}, None)
        self.settle()
        return play

    def settle(self) -> None:
        """Do what the executions ask for, until they ask for nothing."""
        while sum(self._move(play) for play in list(self.plays.values())):
            pass

    def statuses(self) -> dict[str, str]:
        """How all of them stand."""
        return {name: str(play.state.status) for name, play in self.plays.items()}

    def _start(self, workflow: str, given: Mapping[str, Json], link: Link | None) -> Parent:
        name = f"{workflow}_{len(self.plays) + 1}"
        fields = dict(self._workflows[workflow])
        steps = fields.pop("steps")
        play = Parent(*steps, given=given, execution_id=name, link=link, name=workflow, **fields)
        self.plays[name] = play
        if link is not None:
            self.links[name] = link
        return play

    def _move(self, play: Parent) -> bool:
        before = sum(len(other.history) for other in self.plays.values())
        for child, request in list(play.state.requests.items()):
            if request.workflow not in self._workflows:
                play.refuse(child)
                continue
            number = child if request.wait else 0
            link = Link(play.state.id, play.state.depth + 1, number)
            begun = self._start(request.workflow, plain_all(request.inputs), link)
            play.send(ChildBegan(child, begun.state.id))
        self._cancel_stopped(play)
        self._tell_parent(play)
        return sum(len(other.history) for other in self.plays.values()) != before

    def _cancel_stopped(self, play: Parent) -> None:
        told = self._stops.get(play.state.id, 0)
        for execution in play.stopped[told:]:
            if not self.plays[execution].state.status.closed:
                self.plays[execution].send(Cancel(reason="not waited for"))
        self._stops[play.state.id] = len(play.stopped)

    def _tell_parent(self, play: Parent) -> None:
        link, state = self.links.get(play.state.id), play.state
        if link is None or not link.child or state.end is None or state.id in self.told:
            return
        self.told.add(state.id)
        took = (state.close_time or 0) - state.start_time
        parent = self.plays[link.parent]
        parent.send(ChildClosed(link.child, state.status, state.outputs, state.error, took))
