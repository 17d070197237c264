"""Plays scenarios on the bare engine, in virtual time: without a server, a worker or waiting."""
