"""What the runtime must know of servers that share its database."""

from __future__ import annotations

from typing import Protocol

from branchline.server.runtime.turn import Turn


class Sharing(Protocol):
    """The other servers, as far as turns are concerned."""

    async def settle(self) -> None:
        """Before a turn: come to terms with the others, if they gave this server up."""
        ...

    async def confirm(self, turn: Turn) -> bool:
        """Whether a turn has decided on what is stored; if not, it must be decided again.

        Raises ``StoreError``.
        """
        ...

    def notes(self, turn: Turn) -> list[str]:
        """What the others are to be told of a turn."""
        ...

    def suspect(self) -> None:
        """A commit has failed: perhaps it is stored nevertheless."""
        ...


class Alone:
    """There are no others."""

    async def settle(self) -> None:
        """See Sharing."""

    async def confirm(self, turn: Turn) -> bool:  # noqa: ARG002 - nobody else changes anything
        """See Sharing."""
        return True

    def notes(self, turn: Turn) -> list[str]:  # noqa: ARG002 - nobody is told
        """See Sharing."""
        return []

    def suspect(self) -> None:
        """See Sharing."""
