"""The server's real parts in simulated time: faults, delays and schedules are drawn by a seed."""
