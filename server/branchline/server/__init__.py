"""Branchline's server: makes happen what the engine decides."""
