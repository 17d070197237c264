"""Servers that share a database: who is there, who has what, and what they tell each other."""

from branchline.server.cluster.cluster import Cluster
from branchline.server.cluster.hearing import Hearing
from branchline.server.cluster.notes import Note
from branchline.server.cluster.overdue import Overdue
from branchline.server.cluster.relay import Relay
from branchline.server.cluster.timekeeping import Timekeeper

__all__ = ["Cluster", "Hearing", "Note", "Overdue", "Relay", "Timekeeper"]
