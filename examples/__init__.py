"""Workflows to try, each with the activities that it needs."""
