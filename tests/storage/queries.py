"""The reads that must cost what they give, however much is stored."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from sqlalchemy import Connection

from branchline.server.storage import (
    ExecutionFilter,
    closed,
    lists,
    reads,
    status_changes,
    workflows,
)
from tests.storage.examples import ANY, NOW

ALL = ExecutionFilter(statuses=ANY)
ONE_WORKFLOW = ExecutionFilter(statuses=ANY, workflow="order")
IN_TIME = ExecutionFilter(
    statuses=ANY, started_after=NOW, started_before=NOW + 9, first_key=1, end_key=9
)
LABELS = {"tenant": "acme", "order": "o-1", "colour": "red"}
LABELLED = ExecutionFilter(statuses=ANY, labels={"order": "o-1"})
LABELLED_THRICE = replace(IN_TIME, workflow="order", labels=LABELS)
CHILDREN = ExecutionFilter(statuses=ANY, parent="exec_1")
LABELLED_CHILDREN = replace(LABELLED_THRICE, parent="exec_1")
QUERIES: dict[str, Callable[[Connection], object]] = {
    "executions by id": lambda c: reads.executions_by_id(c, ["a", "b"]),
    "statuses by id": lambda c: reads.statuses_by_id(c, ["a", "b"]),
    "executions by key": lambda c: reads.executions_by_key(c, [1, 2]),
    "executions by request": lambda c: reads.executions_by_request(c, [("order", "r")]),
    "list": lambda c: lists.list_executions(c, ALL, None, 5),
    "list on": lambda c: lists.list_executions(c, ALL, 7, 5),
    "list of a workflow": lambda c: lists.list_executions(c, ONE_WORKFLOW, 7, 5),
    "list in time": lambda c: lists.list_executions(c, IN_TIME, None, 5),
    "list with a label": lambda c: lists.list_executions(c, LABELLED, None, 5),
    "list with labels": lambda c: lists.list_executions(c, LABELLED_THRICE, 7, 5),
    "list of children": lambda c: lists.list_executions(c, CHILDREN, 7, 5),
    "list of children with labels": lambda c: lists.list_executions(c, LABELLED_CHILDREN, 7, 5),
    "count": lambda c: lists.count_executions(c, ONE_WORKFLOW),
    "count all": lambda c: lists.count_executions(c, ALL),
    "count in time": lambda c: lists.count_executions(c, IN_TIME),
    "count with labels": lambda c: lists.count_executions(c, LABELLED_THRICE),
    "count children": lambda c: lists.count_executions(c, CHILDREN),
    "due": lambda c: reads.due(c, 5, None, 5),
    "due on": lambda c: reads.due(c, 5, (1, 1), 5),
    "cancellations": lambda c: reads.cancellations(c, "a", 5),
    "next due": reads.next_due,
    "history": lambda c: reads.history_after(c, 1, 5, 5),
    "histories": lambda c: reads.histories(c, [1, 2], {2: 5}),
    "snapshots": lambda c: reads.snapshots_of(c, [1, 2]),
    "tasks of an execution": lambda c: reads.tasks_of(c, 1),
    "ready keys": lambda c: reads.ready_keys(c, ("default", "charge"), (1, 1), 5),
    "ready tasks": lambda c: reads.ready_tasks(c, [(1, 1), (1, 2)]),
    "status changes": lambda c: status_changes.status_changes_after(c, 7, 5, 100),
    "removal of status changes": lambda c: status_changes.remove_status_changes(c, NOW, 5),
    "present statuses": lambda c: status_changes.present_statuses(c, ONE_WORKFLOW, 7, 5),
    "closed workflows": closed.closed_workflows,
    "closed before": lambda c: closed.closed_before(c, "order", NOW, 5),
    "workflow": lambda c: workflows.workflow(c, "order", None),
}
