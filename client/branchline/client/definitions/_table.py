"""The fields of a definition file, in the order in which they are written.

This description and that of steps drive the reading and the writing of files and their JSON Schema.
"""

from __future__ import annotations

from google.protobuf.duration_pb2 import Duration

from branchline.client.definitions._kinds import (
    Boolean,
    Condition,
    Json,
    JsonObject,
    Number,
    Text,
    TimeSpan,
)
from branchline.client.definitions._parts import Field, Items, Part, Spec
from branchline.client.definitions._step_table import CHILD_PARAMETERS, STEP
from branchline.client.definitions._steps import StepPart
from branchline.v1 import workflow_pb2 as v1

TYPES = ("string", "number", "integer", "boolean", "object", "array", "any")


def _some_step() -> list[v1.Step]:
    return [v1.Step(name="steps", sleep=v1.Sleep(duration=Duration(seconds=1)))]


INPUT = Spec(
    title="Input",
    about="An argument of the workflow.",
    message=v1.Input,
    fields=(
        Field("name", Text(needed=True), "Its name.", required=True),
        Field("type", Text(words=TYPES), "Its type. Left out: any."),
        Field("description", Text(), "For people."),
        Field(
            "default",
            Json(),
            "The value when a start leaves the input out. Without one it is required.",
            keeps_null=True,
        ),
    ),
)

OUTPUT = Spec(
    title="Output",
    about="A result of the workflow, read when it completes.",
    message=v1.Output,
    fields=(
        Field("name", Text(needed=True), "Its name.", required=True),
        Field(
            "variable", Text(), "The variable to read; dots reach into objects. Left out: the name."
        ),
        Field("branch", Text(), "The branch to read from. Left out: main."),
        Field("description", Text(), "For people."),
    ),
)

GROUP = Spec(
    title="Group",
    about="A group of steps, for editors.",
    message=v1.Group,
    fields=(
        Field("id", Text(needed=True), "Its id.", required=True),
        Field("name", Text(), "Its title."),
        Field("description", Text(), "For people."),
        Field("parent_id", Text(), "The group that it is in."),
        Field("collapsed", Boolean(), "Whether an editor shows it folded."),
        Field("x", Number(), "The left edge."),
        Field("y", Number(), "The upper edge."),
        Field("width", Number(), "The width."),
        Field("height", Number(), "The height."),
    ),
)

FOLLOW_UP = Spec(
    title="FollowUp",
    about="A workflow to start when an execution has completed.",
    message=v1.FollowUp,
    fields=(
        Field("workflow", Text(needed=True), "The workflow.", required=True),
        Field("condition", Condition(), "An expression over inputs and outputs. Left out: always."),
        Field("inputs", JsonObject(), "Its inputs by name, with templates in them."),
    ),
)

WORKFLOW = Spec(
    title="Workflow",
    about="A workflow: a named, directed graph of steps.",
    message=v1.Workflow,
    fields=(
        Field(
            "name",
            Text(needed=True),
            "The name by which it is registered and started.",
            required=True,
        ),
        Field("description", Text(), "For people."),
        Field("inputs", Items(Part(INPUT)), "What an execution takes."),
        Field("outputs", Items(Part(OUTPUT)), "What an execution gives back."),
        Field("timeout", TimeSpan(), "The longest time an execution may live. Left out: no limit."),
        Field("state", JsonObject(), "The first branch's variables by name."),
        Field("start_at", Text(), "The first step. Left out: the first listed."),
        Field(
            "steps",
            Items(StepPart(STEP, child_parameters=CHILD_PARAMETERS), instead=_some_step),
            "The steps, at least one.",
            required=True,
        ),
        Field("groups", Items(Part(GROUP)), "Groups of steps, for editors."),
        Field(
            "follow_ups",
            Items(Part(FOLLOW_UP)),
            "Workflows to start when an execution has completed.",
        ),
    ),
)
