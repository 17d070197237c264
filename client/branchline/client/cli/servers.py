"""What serves: ``server`` and its kin, ``dev`` and ``health``."""

from __future__ import annotations

from argparse import ArgumentTypeError, Namespace

from branchline.client.cli.beside import working_beside
from branchline.client.cli.builtin import MORE_BUILTIN, add_builtin, builtin_activities
from branchline.client.cli.commands import Commands
from branchline.client.cli.connecting import PATIENCE, unreachable
from branchline.client.cli.embedding import database_url, run_server
from branchline.client.cli.exits import CommandError
from branchline.client.cli.output import print_json, print_text

SERVER_COMMANDS = {
    "server": "run a server",
    "backup": "back up the SQLite file of a server, which may run",
    "copy": "copy a database into an empty one",
}
"""The commands of the server's package; all of them have flags of their own."""

_HEALTH = {0: "UNKNOWN", 1: "SERVING", 2: "NOT_SERVING", 3: "SERVICE_UNKNOWN"}
"""The statuses of ``grpc.health.v1``."""


def add_commands(commands: Commands) -> None:
    """Add the commands."""
    for name, summary in SERVER_COMMANDS.items():
        commands.add(
            name,
            lambda arguments: run_server([], arguments.command),  # only reached behind other flags
            f"{summary} (`branchline {name} --help` lists its flags)",
            address=False,
            json=False,
        )
    parser = commands.add(
        "dev",
        _dev,
        "run a server and a worker with the built-in activities",
        details="Both run in this process, until Ctrl-C.",
        address=False,
        json=False,
    )
    parser.add_argument(
        "--database",
        metavar="FILE",
        default="branchline.db",
        help="the SQLite file (default: %(default)s)",
    )
    parser.add_argument(
        "--listen",
        metavar="HOST:PORT",
        type=_known_port,
        default="127.0.0.1:7717",
        help="the address to serve at (default: %(default)s)",
    )
    add_builtin(parser, MORE_BUILTIN)
    commands.add(
        "health",
        _health,
        "ask a server whether it serves",
        details="It is healthy when the exit code is 0.",
    )


def _dev(arguments: Namespace) -> int:
    database, listen = database_url(arguments.database), arguments.listen
    with working_beside(listen, builtin_activities(arguments, always=["all"])):
        return run_server(["--database", database, "--listen", listen])


async def _health(arguments: Namespace) -> int:
    from branchline.client.connection import server_address

    address = server_address(arguments.address)
    status = await _ask_health(address)
    if arguments.json:
        print_json({"address": address, "status": status})
    else:
        print_text(status)
    if status != "SERVING":
        raise CommandError(f"the server at {address} is {status}")
    return 0


def _known_port(address: str) -> str:
    if address.endswith(":0"):
        raise ArgumentTypeError("the worker has to know the port: choose one")
    return address


async def _ask_health(address: str) -> str:
    """Make the call by hand: the health protos come with the server, not with the SDK."""
    import grpc

    from branchline.client.connection import open_channel

    async with open_channel(address) as channel:
        check: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(
            "/grpc.health.v1.Health/Check"
        )
        try:
            answer = await check(b"", timeout=PATIENCE)
        except grpc.aio.AioRpcError as error:
            raise unreachable(address, error.details() or error.code().name) from error
    # Field 1, a number; the default is left out.
    return _HEALTH.get(answer[1] if answer[:1] == b"\x08" else 0, "UNKNOWN")
