"""What follows from a turn's decisions for other executions: children, parents, follow-ups.

All of it is decided before the turn is stored, so that a child begins together with the step
that asks for it, and a parent goes on together with the end of its child (semantics 11.3).
"""

from __future__ import annotations

import contextlib

from branchline.engine import Cancel, ChildBegan, ChildRefused, Link, Plan, Refused
from branchline.engine.events import Failure
from branchline.engine.inputs import InvalidInputs, bind_inputs
from branchline.engine.state import Request
from branchline.server.catalog import Catalog
from branchline.server.errors import Reason, ServiceError
from branchline.server.runtime.decisions import Decisions
from branchline.server.runtime.live import Live, LiveExecutions
from branchline.server.runtime.loading import Loader
from branchline.server.runtime.requests import Order
from branchline.server.runtime.turn import Turn
from branchline.server.storage import StoreError

MOST_STARTS = 1_000
"""How many executions a turn starts for others; the rest is started by the next."""

MOST_CANCELLATIONS = 500
"""How many executions a turn cancels for others; the rest is cancelled after it."""


class Following:
    """Decides what a turn's own decisions ask for, until nothing more follows."""

    def __init__(
        self, decisions: Decisions, loader: Loader, lives: LiveExecutions, catalog: Catalog
    ) -> None:
        self._decisions = decisions
        self._loader = loader
        self._lives = lives
        self._catalog = catalog
        self._cancellations = 0
        """For how many more the turn has room."""
        self._plans: dict[tuple[str, int], Plan] = {}
        """Those that a turn has asked for: the latest version is the same for all of it."""

    async def follow(self, turn: Turn) -> None:
        """Complete a turn. Raises what loading and the store may raise."""
        room, self._cancellations = MOST_STARTS, MOST_CANCELLATIONS
        self._plans.clear()
        while turn.orders or (turn.asking and room > 0):
            orders, turn.orders = turn.orders, []
            for order in await self._load(turn, self._those_of_now(turn, orders)):
                self._obey(turn, order)
            for key in list(turn.asking):
                live, origin = turn.asking.pop(key)
                turn.origin = origin
                room = await self._start_requested(turn, live, room)

    def _those_of_now(self, turn: Turn, orders: list[Order]) -> list[Order]:
        """The orders without the cancellations for which there is no room."""
        chosen = []
        for order in orders:
            if isinstance(order.command, Cancel):
                if self._cancellations <= 0:
                    turn.postponed[order.execution_id] = order.command.reason
                    continue
                self._cancellations -= 1
            chosen.append(order)
        return chosen

    async def _load(self, turn: Turn, orders: list[Order]) -> list[Order]:
        """Bring those whom orders are for into memory; gives the orders that can be obeyed.

        A child that cannot be read keeps nobody from ending: its cancellation is left for later.
        """
        if not orders:
            return []
        try:
            await self._loader.load(orders)
        except StoreError:
            raise
        except Exception as error:
            if isinstance(error, ServiceError) and error.reason is Reason.STORE_UNAVAILABLE:
                raise
            if len(orders) > 1:
                return [one for order in orders for one in await self._load(turn, [order])]
            [order] = orders
            if not isinstance(order.command, Cancel):
                turn.origin = order.origin
                raise
            turn.postponed[order.execution_id] = order.command.reason
            return []
        return orders

    def _obey(self, turn: Turn, order: Order) -> None:
        live = self._lives.by_id(order.execution_id)
        if live is None:
            return  # it has closed before
        turn.origin = order.origin
        with contextlib.suppress(Refused):  # it may have closed in this very turn
            self._decisions.decide(turn, live, order.command)

    async def _start_requested(self, turn: Turn, live: Live, room: int) -> int:
        """Start what an execution asks for; returns how many more may be started.

        Follow-ups are started all together, because the execution completes with them.
        """
        state = live.state
        for child in list(state.requests):
            if room <= 0 and child in state.children:
                break  # its timer is due: it wakes the execution for the rest
            request = state.requests.get(child)
            if request is None:
                break  # an answer before has ended the execution
            answer = await self._answer(turn, live, child, request)
            self._decisions.decide(turn, live, answer)
            room -= 1
        return room

    async def _plan(self, request: Request) -> Plan:
        wanted = (request.workflow, request.version)
        plan = self._plans.get(wanted) or self._catalog.known_plan(*wanted)
        if plan is None:
            plan = self._plans[wanted] = await self._catalog.plan(*wanted)
        return plan

    async def _answer(
        self, turn: Turn, live: Live, child: int, request: Request
    ) -> ChildBegan | ChildRefused:
        try:
            plan = await self._plan(request)
            inputs = bind_inputs(plan.workflow, request.inputs)
        except ServiceError as error:
            if error.reason is not Reason.WORKFLOW_NOT_FOUND:
                raise
            return ChildRefused(child, Failure("child_start_failed", error.message))
        except InvalidInputs as error:
            return ChildRefused(child, Failure("child_start_failed", str(error)))
        link = Link(live.state.id, live.state.depth + 1, child if request.wait else 0)
        begun = self._decisions.begin(turn, plan, inputs, link=link)
        return ChildBegan(child, begun.live.state.id)
