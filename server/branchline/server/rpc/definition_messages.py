"""Writes definitions: from the engine's form to the message, without loss."""

from __future__ import annotations

import msgspec

from branchline.engine import definition as d
from branchline.engine.values import encode_text
from branchline.server.rpc.checks import duration
from branchline.v1 import workflow_pb2 as pb

_MATCHING = {
    None: pb.EDGE_MATCHING_STRATEGY_UNSPECIFIED,
    d.Matching.ALL: pb.EDGE_MATCHING_STRATEGY_ALL,
    d.Matching.FIRST: pb.EDGE_MATCHING_STRATEGY_FIRST,
}
_JITTER = {
    None: pb.JITTER_STRATEGY_UNSPECIFIED,
    d.Jitter.NONE: pb.JITTER_STRATEGY_NONE,
    d.Jitter.FULL: pb.JITTER_STRATEGY_FULL,
}


def workflow_message(workflow: d.Workflow) -> pb.Workflow:
    """The message of a definition."""
    return pb.Workflow(
        name=workflow.name,
        description=workflow.description,
        inputs=[_input_message(item) for item in workflow.inputs],
        outputs=[
            pb.Output(
                name=item.name,
                variable=item.variable,
                branch=item.branch,
                description=item.description,
            )
            for item in workflow.outputs
        ],
        timeout=duration(workflow.timeout),
        state_json=_text(workflow.state),
        steps=[_step_message(step) for step in workflow.steps],
        start_at=workflow.start_at,
        groups=[_group_message(group) for group in workflow.groups],
        follow_ups=[
            pb.FollowUp(
                workflow=item.workflow, condition=item.condition, inputs_json=_text(item.inputs)
            )
            for item in workflow.follow_ups
        ],
    )


def _input_message(item: d.Input) -> pb.Input:
    required = isinstance(item.default, msgspec.UnsetType)
    return pb.Input(
        name=item.name,
        type=item.type,
        description=item.description,
        default_json=None if required else encode_text(item.default),
    )


def _step_message(step: d.Step) -> pb.Step:
    return pb.Step(
        name=step.name,
        description=step.description,
        group_id=step.group_id,
        next=[
            pb.Edge(step=edge.step, condition=edge.condition, branch=edge.branch)
            for edge in step.next
        ],
        edge_matching_strategy=_MATCHING[step.edge_matching_strategy],
        activity=step.activity,
        join=_join_message(step.join),
        wait_signal=_wait_message(step.wait_signal),
        sleep=None if step.sleep is None else pb.Sleep(duration=duration(step.sleep.duration)),
        pause=None if step.pause is None else pb.Pause(reason=step.pause.reason),
        child=_child_message(step.child),
        parameters_json=_text(step.parameters),
        store=step.store,
        each=_each_message(step.each),
        retry=[_retry_message(policy) for policy in step.retry],
        catch=[
            pb.CatchHandler(error_equals=item.error_equals, next=item.next, store=item.store)
            for item in step.catch
        ],
        task_queue=step.task_queue,
        timeout=duration(step.timeout),
        heartbeat_timeout=duration(step.heartbeat_timeout),
        schedule_timeout=duration(step.schedule_timeout),
    )


def _join_message(join: d.Join | None) -> pb.Join | None:
    if join is None:
        return None
    return pb.Join(branches=join.branches, count=join.count, branch_mappings=join.branch_mappings)


def _wait_message(wait: d.WaitSignal | None) -> pb.WaitSignal | None:
    if wait is None:
        return None
    return pb.WaitSignal(
        topic=wait.topic,
        timeout=duration(wait.timeout),
        store=wait.store,
        on_timeout=wait.on_timeout,
    )


def _child_message(child: d.Child | None) -> pb.Child | None:
    if child is None:
        return None
    return pb.Child(
        workflow=child.workflow,
        version=child.version,
        inputs_json=_text(child.inputs),
        wait=child.wait,
        timeout=duration(child.timeout),
    )


def _each_message(each: d.Each | None) -> pb.Each | None:
    if each is None:
        return None
    unset = isinstance(each.items, msgspec.UnsetType)
    # `as` is a keyword of Python, so it can only be given by name.
    return pb.Each(
        items_json=None if unset else encode_text(each.items),
        max_concurrency=each.max_concurrency,
        **{"as": each.as_},
    )


def _retry_message(policy: d.RetryPolicy) -> pb.RetryPolicy:
    return pb.RetryPolicy(
        error_equals=policy.error_equals,
        max_retries=policy.max_retries,
        base_delay=duration(policy.base_delay),
        max_delay=duration(policy.max_delay),
        backoff_rate=policy.backoff_rate,
        jitter_strategy=_JITTER[policy.jitter_strategy],
        timeout=duration(policy.timeout),
    )


def _group_message(group: d.Group) -> pb.Group:
    return pb.Group(
        id=group.id,
        name=group.name,
        description=group.description,
        parent_id=group.parent_id,
        collapsed=group.collapsed,
        x=group.x,
        y=group.y,
        width=group.width,
        height=group.height,
    )


def _text(document: object) -> str:
    """The text of an object; an empty one is left out."""
    return encode_text(document) if document else ""
