"""What a server does about what the others tell."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from branchline.engine.events import Progress
from branchline.server.cluster.notes import Note, Said
from branchline.server.dispatch import SharedDispatcher, TaskKey
from branchline.server.subscriptions import ProgressNote


class Hearing(NamedTuple):
    """Who in this server wants to know of the others."""

    changed: Callable[[str], None]
    """An execution has other events than before."""
    deleted: Callable[[str], None]
    """An execution is gone."""
    statuses: Callable[[], None]
    said: Callable[[str, ProgressNote], None]
    """An activity of an execution says something."""
    look: Callable[[], None]
    """A server has come or gone."""
    poke: Callable[[], None]
    """There may be tasks for workers."""

    def take(self, note: Note, dispatcher: SharedDispatcher) -> None:
        """Tell everybody."""
        for execution_id in note.changed:
            self.changed(execution_id)
        for execution_id in note.deleted:
            self.deleted(execution_id)
        if note.withdrawn:
            for key in note.gone:
                dispatcher.remove(TaskKey(*key))
        if note.said is not None:
            self._take_said(note.said, dispatcher)
        if note.offers:
            dispatcher.left_out.offers.update(note.offers)
        if note.statuses:
            self.statuses()
        if note.offers or note.gone:
            self.poke()

    def _take_said(self, said: Said, dispatcher: SharedDispatcher) -> None:
        told, key = said.note, TaskKey(said.execution_key, said.task)
        if dispatcher.progress.has_ended(key):
            return
        progress = Progress(told.message, told.data, told.time, told.item)
        dispatcher.progress.tell(key, told.branch, progress)
        self.said(said.execution_id, told)
