"""Reads definitions: from the message to the engine's form, without loss."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec
from google.protobuf.duration_pb2 import Duration

from branchline.engine import definition as d
from branchline.server.rpc.checks import LONGEST_DURATION, to_micros
from branchline.v1 import workflow_pb2 as pb

T = TypeVar("T")

_MATCHING: Mapping[int, d.Matching | None] = {
    pb.EDGE_MATCHING_STRATEGY_UNSPECIFIED: None,
    pb.EDGE_MATCHING_STRATEGY_ALL: d.Matching.ALL,
    pb.EDGE_MATCHING_STRATEGY_FIRST: d.Matching.FIRST,
}
_JITTER: Mapping[int, d.Jitter | None] = {
    pb.JITTER_STRATEGY_UNSPECIFIED: None,
    pb.JITTER_STRATEGY_NONE: d.Jitter.NONE,
    pb.JITTER_STRATEGY_FULL: d.Jitter.FULL,
}

_DEEPEST = 100
"""How many levels of lists and objects a document of a definition may have."""

_WithDuration = pb.Workflow | pb.Step | pb.Child | pb.RetryPolicy | pb.WaitSignal | pb.Sleep


class DefinitionReader:
    """Reads one definition; what cannot be read becomes a problem (semantics 2.6)."""

    def __init__(self) -> None:
        self.problems: list[d.Problem] = []
        self._step = ""

    def workflow(self, message: pb.Workflow) -> d.Workflow:
        """The engine's form of a definition."""
        return d.Workflow(
            name=message.name,
            description=message.description,
            inputs=tuple(self._input(item) for item in message.inputs),
            outputs=tuple(
                d.Output(
                    name=item.name,
                    variable=item.variable,
                    branch=item.branch,
                    description=item.description,
                )
                for item in message.outputs
            ),
            timeout=self._micros(message, "timeout"),
            state=self._json("state_json", message.state_json, {}),
            steps=tuple(self._read_step(step) for step in message.steps),
            start_at=message.start_at,
            groups=tuple(_group(group) for group in message.groups),
            follow_ups=tuple(self._follow_up(item) for item in message.follow_ups),
        )

    def _input(self, message: pb.Input) -> d.Input:
        default: Any = msgspec.UNSET
        if message.HasField("default_json"):
            default = self._json(f"inputs[{message.name}].default_json", message.default_json)
        return d.Input(
            name=message.name,
            type=message.type,
            description=message.description,
            default=default,
        )

    def _read_step(self, message: pb.Step) -> d.Step:
        self._step = message.name
        step = d.Step(
            name=message.name,
            description=message.description,
            group_id=message.group_id,
            next=tuple(
                d.Edge(step=edge.step, condition=edge.condition, branch=edge.branch)
                for edge in message.next
            ),
            edge_matching_strategy=self._choice(
                "edge_matching_strategy", _MATCHING, message.edge_matching_strategy
            ),
            activity=message.activity,
            join=_join(message.join) if message.HasField("join") else None,
            wait_signal=self._wait(message.wait_signal)
            if message.HasField("wait_signal")
            else None,
            sleep=self._sleep(message.sleep) if message.HasField("sleep") else None,
            pause=d.Pause(reason=message.pause.reason) if message.HasField("pause") else None,
            child=self._child(message.child) if message.HasField("child") else None,
            parameters=self._json("parameters_json", message.parameters_json, {}),
            store=message.store,
            each=self._each(message.each) if message.HasField("each") else None,
            retry=tuple(self._retry(policy) for policy in message.retry),
            catch=tuple(
                d.CatchHandler(
                    error_equals=tuple(item.error_equals), next=item.next, store=item.store
                )
                for item in message.catch
            ),
            task_queue=message.task_queue,
            timeout=self._micros(message, "timeout"),
            heartbeat_timeout=self._micros(message, "heartbeat_timeout"),
            schedule_timeout=self._micros(message, "schedule_timeout"),
        )
        self._step = ""
        return step

    def _child(self, message: pb.Child) -> d.Child:
        return d.Child(
            workflow=message.workflow,
            version=message.version if message.HasField("version") else None,
            inputs=self._json("child.inputs_json", message.inputs_json, {}),
            wait=message.wait if message.HasField("wait") else None,
            timeout=self._micros(message, "timeout"),
        )

    def _each(self, message: pb.Each) -> d.Each:
        items: Any = msgspec.UNSET
        if message.HasField("items_json"):
            items = self._json("each.items_json", message.items_json)
        concurrency = message.max_concurrency if message.HasField("max_concurrency") else None
        return d.Each(items=items, as_=getattr(message, "as"), max_concurrency=concurrency)

    def _retry(self, message: pb.RetryPolicy) -> d.RetryPolicy:
        return d.RetryPolicy(
            error_equals=tuple(message.error_equals),
            max_retries=message.max_retries if message.HasField("max_retries") else None,
            base_delay=self._micros(message, "base_delay"),
            max_delay=self._micros(message, "max_delay"),
            backoff_rate=message.backoff_rate if message.HasField("backoff_rate") else None,
            jitter_strategy=self._choice("jitter_strategy", _JITTER, message.jitter_strategy),
            timeout=self._micros(message, "timeout"),
        )

    def _follow_up(self, message: pb.FollowUp) -> d.FollowUp:
        return d.FollowUp(
            workflow=message.workflow,
            condition=message.condition,
            inputs=self._json("follow_ups.inputs_json", message.inputs_json, {}),
        )

    def _json(self, field: str, text: str, empty: object = None) -> object:
        if not text:
            return empty
        try:
            value = msgspec.json.decode(text)
        except ValueError as error:
            self._report(f"{field} must be JSON text: {error}")
        except RecursionError:
            self._report(f"{field} is nested deeper than {_DEEPEST} levels")
        else:
            if not _is_deeper(value, _DEEPEST):
                return value
            self._report(f"{field} is nested deeper than {_DEEPEST} levels")
        return empty

    def _choice(self, field: str, choices: Mapping[int, T], number: int) -> T:
        if number not in choices:
            self._report(f"{field} has no choice {number}")
        return choices.get(number, choices[0])

    def _wait(self, message: pb.WaitSignal) -> d.WaitSignal:
        return d.WaitSignal(
            topic=message.topic,
            timeout=self._micros(message, "timeout"),
            store=message.store,
            on_timeout=message.on_timeout,
        )

    def _sleep(self, message: pb.Sleep) -> d.Sleep:
        return d.Sleep(duration=self._micros(message, "duration"))

    def _micros(self, message: _WithDuration, field: str) -> int | None:
        if not message.HasField(field):  # type: ignore[arg-type]  # each of them has the field
            return None
        value: Duration = getattr(message, field)
        if abs(value.seconds) > LONGEST_DURATION:
            self._report(
                f"{field} is {value.seconds} s, but at most {LONGEST_DURATION} s are taken"
            )
            return to_micros(Duration(seconds=LONGEST_DURATION))
        return to_micros(value)

    def _report(self, message: str) -> None:
        self.problems.append(d.Problem("INVALID_FIELD", self._step, message))


def _is_deeper(value: object, most: int) -> bool:
    """Whether a plain JSON value has more levels of lists and objects than allowed."""
    level = [value]
    for _ in range(most + 1):
        containers = [item for item in level if isinstance(item, list | dict)]
        if not containers:
            return False
        level = [
            part
            for item in containers
            for part in (item.values() if isinstance(item, dict) else item)
        ]
    return True


def _join(message: pb.Join) -> d.Join:
    return d.Join(
        branches=tuple(message.branches),
        count=message.count if message.HasField("count") else None,
        branch_mappings=dict(message.branch_mappings),
    )


def _group(message: pb.Group) -> d.Group:
    return d.Group(
        id=message.id,
        name=message.name,
        description=message.description,
        parent_id=message.parent_id,
        collapsed=message.collapsed if message.HasField("collapsed") else None,
        x=message.x if message.HasField("x") else None,
        y=message.y if message.HasField("y") else None,
        width=message.width if message.HasField("width") else None,
        height=message.height if message.HasField("height") else None,
    )
