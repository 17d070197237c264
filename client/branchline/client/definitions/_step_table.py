"""The fields of a step, in the order in which they are written."""

from __future__ import annotations

from google.protobuf.duration_pb2 import Duration

from branchline.client.definitions._kinds import (
    Boolean,
    Choice,
    Condition,
    Integer,
    Json,
    JsonObject,
    Number,
    Text,
    TimeSpan,
)
from branchline.client.definitions._parts import Field, Items, Part, Spec, TextByName
from branchline.client.definitions._steps import EdgeItems, EdgePart
from branchline.v1 import workflow_pb2 as v1

_SECOND = Duration(seconds=1)


def _any_error() -> list[str]:
    return ["all"]


def _broken_wait() -> v1.WaitSignal:
    return v1.WaitSignal(topic="unreadable", timeout=_SECOND)


def _broken_sleep() -> v1.Sleep:
    return v1.Sleep(duration=_SECOND)


def _broken_child() -> v1.Child:
    return v1.Child(workflow="unreadable")


def _broken_each() -> v1.Each:
    return v1.Each(items_json="[]")


EDGE = Spec(
    title="Edge",
    about="A way on from a step.",
    message=v1.Edge,
    vital="step",
    fields=(
        Field("step", Text(), "The step that it leads to.", required=True),
        Field(
            "condition",
            Condition(),
            "An expression; the edge matches when it holds. Left out: always.",
        ),
        Field("branch", Text(), "The name of the branch to start."),
    ),
)

JOIN = Spec(
    title="Join",
    about="Waits for branches and merges their variables.",
    message=v1.Join,
    fields=(
        Field("branches", Items(Text()), "The branches to wait for. Left out: all others."),
        Field("count", Integer(), "How many must arrive. Left out or 0: all."),
        Field(
            "branch_mappings",
            TextByName(),
            "From branch.variable, or branch, to the variable that takes it.",
        ),
    ),
)

WAIT_SIGNAL = Spec(
    title="WaitSignal",
    about="Waits for a signal.",
    message=v1.WaitSignal,
    fields=(
        Field("topic", Text(needed=True), "The topic; may be a template.", required=True),
        Field("timeout", TimeSpan(), "How long to wait.", required=True),
        Field("store", Text(), "The variable that takes the payload."),
        Field(
            "on_timeout", Text(), "The step to go to when time runs out. Left out: the step fails."
        ),
    ),
)

SLEEP = Spec(
    title="Sleep",
    about="Sleeps.",
    message=v1.Sleep,
    fields=(Field("duration", TimeSpan(), "How long.", required=True),),
)

PAUSE = Spec(
    title="Pause",
    about="Holds the branch until it is unpaused.",
    message=v1.Pause,
    fields=(Field("reason", Text(), "Why, for people."),),
)

_CHILD_INPUTS = Field("inputs", JsonObject(), "Its inputs by name, with templates in them.")
_CHILD_VERSION = Field(
    "version", Integer(), "Its version. Left out: the latest when the step runs."
)
_CHILD_TIMEOUT = Field("timeout", TimeSpan(), "How long to wait for it.")
_CHILD_WAIT = "Whether to wait until it closes. Left out: true."

CHILD = Spec(
    title="Child",
    about="Starts an execution of another workflow.",
    message=v1.Child,
    fields=(
        Field("workflow", Text(needed=True), "The workflow.", required=True),
        _CHILD_VERSION,
        _CHILD_INPUTS,
        Field("wait", Boolean(), _CHILD_WAIT),
        _CHILD_TIMEOUT,
    ),
)

CHILD_PARAMETERS = Spec(
    title="ChildParameters",
    about="The parameters of a child that is written as the activity workflow.child.",
    message=v1.Child,
    fields=(
        Field(
            "workflow_name", Text(needed=True), "The workflow.", required=True, maps_to="workflow"
        ),
        _CHILD_VERSION,
        _CHILD_INPUTS,
        Field("sync", Boolean(), _CHILD_WAIT, maps_to="wait"),
        _CHILD_TIMEOUT,
    ),
)

EACH = Spec(
    title="Each",
    about="Runs a step once for each item.",
    message=v1.Each,
    fields=(
        Field(
            "items",
            Json(instead="[]"),
            "A list, an object, a single value, or the text of an expression or template.",
            required=True,
        ),
        Field("as", Text(), "The variable that holds the item while its templates are evaluated."),
        Field(
            "max_concurrency",
            Integer(),
            "How many items may be at work at the same time. Left out or 0: all.",
        ),
    ),
)

RETRY = Spec(
    title="RetryPolicy",
    about="When and how a failed step is tried again.",
    message=v1.RetryPolicy,
    fields=(
        Field("error_equals", Items(Text()), "The error types that it takes. Left out: all."),
        Field("max_retries", Integer(), "How many more attempts. Left out: 3."),
        # Nothing is above a delay of nothing, and nothing below one without a limit.
        Field(
            "base_delay",
            TimeSpan(instead="0s"),
            "The delay before the first retry. Left out: 1s.",
        ),
        Field("max_delay", TimeSpan(instead=None), "The longest delay. Left out: no limit."),
        Field(
            "backoff_rate",
            Number(),
            "What each delay is multiplied by to give the next. Left out: 2.",
        ),
        Field(
            "jitter_strategy",
            Choice(
                "jitter strategy",
                {"NONE": v1.JITTER_STRATEGY_NONE, "FULL": v1.JITTER_STRATEGY_FULL},
            ),
            "How delays are spread. Left out: NONE.",
        ),
        Field(
            "timeout",
            TimeSpan(),
            "The longest time of each attempt that is made under this policy.",
        ),
    ),
)

CATCH = Spec(
    title="CatchHandler",
    about="Where an error leads when it is not tried again.",
    message=v1.CatchHandler,
    vital="next",
    fields=(
        Field(
            "error_equals",
            Items(Text(), instead=_any_error),
            "The error types that it takes.",
            required=True,
        ),
        Field("next", Text(), "The step to go to.", required=True),
        Field("store", Text(), "The variable that takes the error."),
    ),
)


STEP = Spec(
    title="Step",
    about="A node of the graph: exactly one kind, and the ways on.",
    message=v1.Step,
    kinds=("activity", "join", "wait_signal", "sleep", "pause", "child"),
    fields=(
        Field("name", Text(needed=True), "Its name.", required=True),
        Field("description", Text(), "For people."),
        Field("group_id", Text(), "The group that it is drawn in."),
        Field("activity", Text(needed=True), "Kind: run this activity in a worker."),
        Field("join", Part(JOIN, v1.Join), "Kind: wait for other branches."),
        Field("wait_signal", Part(WAIT_SIGNAL, _broken_wait), "Kind: wait for a signal."),
        Field("sleep", Part(SLEEP, _broken_sleep), "Kind: sleep."),
        Field("pause", Part(PAUSE, v1.Pause), "Kind: hold the branch until it is unpaused."),
        Field("child", Part(CHILD, _broken_child), "Kind: start an execution of another workflow."),
        Field(
            "parameters", JsonObject(), "Activity: its parameters by name, with templates in them."
        ),
        Field("each", Part(EACH, _broken_each), "Activity and child: run once for each item."),
        Field("store", Text(), "Activity and child: the variable that takes the result."),
        Field("task_queue", Text(), "Activity: the queue. Left out: default."),
        Field("timeout", TimeSpan(), "Activity: the longest time of an attempt."),
        Field(
            "heartbeat_timeout",
            TimeSpan(),
            "Activity: the longest time between two signs of life of its code.",
        ),
        Field(
            "schedule_timeout",
            TimeSpan(),
            "Activity: the longest time that an attempt waits for a worker.",
        ),
        Field(
            "retry",
            Items(Part(RETRY)),
            "Activity, wait_signal and child: what to try again; the first match governs.",
        ),
        Field(
            "catch",
            Items(Part(CATCH)),
            "Activity, wait_signal and child: where errors lead; the first match is taken.",
        ),
        Field(
            "edge_matching_strategy",
            Choice(
                "edge matching strategy",
                {
                    "all": v1.EDGE_MATCHING_STRATEGY_ALL,
                    "first": v1.EDGE_MATCHING_STRATEGY_FIRST,
                },
            ),
            "How many matching edges are taken. Left out: all.",
        ),
        Field(
            "next",
            EdgeItems(EdgePart(EDGE)),
            "The ways on, in order: a step's name, or a list of names and edges.",
        ),
    ),
)
