"""A holiday made of bookings, each an execution of its own; the command is in the README."""
