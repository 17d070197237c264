"""A definition made ready to run: its expressions and templates compiled, once a version.

A step is compiled when it is first entered, so that a workflow of thousands of steps costs
no more than the ones that run.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

import msgspec

from branchline.engine.definition import (
    DEFAULT_QUEUE,
    Edge,
    FollowUp,
    Matching,
    Step,
    Workflow,
)
from branchline.engine.expressions import (
    Allowance,
    Condition,
    ExpressionError,
    Template,
    compile_condition,
    compile_expression,
    compile_template,
)
from branchline.engine.limits import MOST_ITEMS
from branchline.engine.values import Json, Variables, encode

Value = Any
"""A plain JSON value of a definition."""

Scope = Mapping[str, Any]
"""What expressions see: `inputs`, `state`, `execution`, `branch` (semantics 3.1)."""

# `${state.name}` as a whole needs no decoding: the document is passed on as it is.
_REFERENCE = re.compile(r"\s*\$\{\s*(state|inputs)\.([A-Za-z_][A-Za-z0-9_]*)\s*\}\s*")


class Plan:
    """A sound definition, its version, and its steps by name."""

    def __init__(self, workflow: Workflow, version: int) -> None:
        self.workflow = workflow
        self.version = version
        self._steps = {step.name: StepPlan(step) for step in workflow.steps}

    def step(self, name: str) -> StepPlan:
        """The step of a name. Raises ``KeyError`` when there is none."""
        return self._steps[name]

    @cached_property
    def follow_ups(self) -> list[FollowUpPlan]:
        """The follow-ups (semantics 11.5)."""
        return [FollowUpPlan(follow_up) for follow_up in self.workflow.follow_ups]

    @cached_property
    def state(self) -> Variables:
        """The first branch's variables (semantics 4.4)."""
        return {name: encode(value) for name, value in self.workflow.state.items()}


class FollowUpPlan:
    """A follow-up with its expressions compiled."""

    def __init__(self, follow_up: FollowUp) -> None:
        self.workflow = follow_up.workflow
        self.condition = compile_condition(follow_up.condition) if follow_up.condition else None
        self.inputs = Parameters(follow_up.inputs)


class StepPlan:
    """A step with its expressions compiled."""

    def __init__(self, step: Step) -> None:
        self.step = step
        self.queue = step.task_queue or DEFAULT_QUEUE
        self.first_match_only = step.edge_matching_strategy is Matching.FIRST

    def time_limit(self, own: int | None, policy: int | None) -> int | None:
        """A limit, or a tighter one of the retry policy that made the attempt (8.3, 8.5)."""
        tighter = None if policy is None else self.step.retry[policy].timeout
        return own if tighter is None else tighter if own is None else min(own, tighter)

    @cached_property
    def edges(self) -> list[tuple[Edge, Condition | None]]:
        """The edges, each with its condition; None matches always."""
        return [
            (edge, compile_condition(edge.condition) if edge.condition else None)
            for edge in self.step.next
        ]

    @cached_property
    def parameters(self) -> Parameters:
        """The activity's parameters."""
        return Parameters(self.step.parameters)

    @cached_property
    def child_inputs(self) -> Parameters:
        """The inputs of a child."""
        return Parameters(self.step.child.inputs if self.step.child else {})

    @cached_property
    def topic(self) -> Parameters:
        """The topic of a wait, under the name ``topic``."""
        wait = self.step.wait_signal
        return Parameters({"topic": wait.topic if wait else ""})

    @cached_property
    def items(self) -> Items:
        """The items of an ``each``."""
        each = self.step.each
        return Items(None if each is None else each.items)


class Parameters:
    """An object with templates in it."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._members = {name: _member(value) for name, value in document.items()}
        constant = all(isinstance(member, msgspec.Raw) for member in self._members.values())
        self._constant = encode(self._members) if constant else None

    def render(self, scope: Scope, allowance: Allowance | None = None) -> Json:
        """The object after templates. Raises ``ExpressionError`` (semantics 3.7)."""
        return encode(self._render(scope, allowance)) if self._constant is None else self._constant

    def members(self, scope: Scope, allowance: Allowance | None = None) -> Variables:
        """The same by name. Raises ``ExpressionError``."""
        rendered = self._render(scope, allowance)
        return {
            name: member if isinstance(member, msgspec.Raw) else encode(member)
            for name, member in rendered.items()
        }

    def _render(self, scope: Scope, allowance: Allowance | None) -> dict[str, Any]:
        return {
            name: member if isinstance(member, msgspec.Raw) else member.render(scope, allowance)
            for name, member in self._members.items()
        }


class _Reference:
    """A template that is one variable: its document goes through unread."""

    def __init__(self, template: Template, source: str, name: str) -> None:
        self._template = template
        self._source, self._name = source, name

    def render(self, scope: Scope, allowance: Allowance | None = None) -> object:
        document = scope[self._source].document(self._name)
        return self._template.render(scope, allowance) if document is None else document


def _member(value: Value) -> Json | Template | _Reference:
    template = compile_template(value)
    if template.is_constant:
        return encode(template.render({}))
    if isinstance(value, str) and (match := _REFERENCE.fullmatch(value)):
        return _Reference(template, *match.groups())
    return template


class Items:
    """What an ``each`` goes over (semantics 9.1)."""

    def __init__(self, items: Value) -> None:
        self._value: Callable[[Scope, Allowance | None], object]
        if isinstance(items, str) and "${" not in items:
            self._value = compile_expression(items).evaluate
        else:
            self._value = compile_template(items).render

    def list(self, scope: Scope, allowance: Allowance | None = None) -> tuple[Json, ...]:
        """The documents of the items. Raises ``ExpressionError``."""
        value = self._value(scope, allowance)
        if value is None:
            return ()
        if isinstance(value, dict | list) and len(value) > MOST_ITEMS:
            message = f"there are {len(value):,} items, and {MOST_ITEMS:,} are allowed"
            raise ExpressionError(message)
        if isinstance(value, dict):
            return tuple(encode({"key": key, "value": value[key]}) for key in sorted(value))
        return tuple(map(encode, value if isinstance(value, list) else [value]))
