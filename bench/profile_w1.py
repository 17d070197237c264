"""Where a server's CPU time goes: python bench/profile_w1.py [--seconds 15].

64 chains of five activities are in flight, with one worker of the SDK in a process of its own.
py-spy looks at the server's stacks from outside, down into C, a hundred times a second and more:
a sample belongs to the innermost frame whose room is known. It is no dependency of the project:
pip install py-spy. It needs the right to look at processes (root, or ptrace_scope 0).
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import flows
import uvloop
from hosting import Crew, run_many
from processes import Server, cpu_seconds, serving

from branchline.client import Client, Worker

IN_FLIGHT: Final = 64
_RATE: Final = 200
_FUNCTIONS: Final = 25

# The first that is found in a frame names its room; the innermost frame that has one counts.
_ROOMS: Final = (
    ("garbage collector", re.compile(r"gc_collect")),
    ("engine", re.compile(r"branchline/engine/")),
    ("rpc", re.compile(r"branchline/server/rpc/")),
    ("runtime", re.compile(r"branchline/server/runtime/|server/histories\.py")),
    ("dispatch", re.compile(r"branchline/server/dispatch/|server/workers\.py")),
    ("storage", re.compile(r"branchline/server/storage/")),
    ("server, other", re.compile(r"branchline/server/")),
    ("generated code", re.compile(r"branchline/v1/")),
    ("sqlite", re.compile(r"sqlite3|\bsqlite|pwrite", re.IGNORECASE)),
    ("sqlalchemy", re.compile(r"sqlalchemy/")),
    ("protobuf", re.compile(r"google/(_upb|protobuf)|_upb|upb_|\bPyUpb|_message\.abi3")),
    ("grpc", re.compile(r"grpc/|cygrpc|grpc_core|absl::")),
    ("asyncio", re.compile(r"uvloop|asyncio/|libuv|uv__|uv_|_asyncio")),
)
# Threads that wait are seen too, in the innermost frames; waiting takes no CPU time.
_WAITS: Final = re.compile(
    r"epoll_p?wait|cond_(timed)?wait|PyThread_acquire_lock|take_gil|sem_\w*wait|f(data)?sync"
)
_INNERMOST: Final = 4
_OWN: Final = re.compile(r"branchline/(server|engine|v1)/")


def room_of(frames: Sequence[str]) -> str:
    """The room of a stack, the innermost frame last."""
    for frame in reversed(frames):
        for room, pattern in _ROOMS:
            if pattern.search(frame):
                return room
    return "interpreter"


def own_function(frames: Sequence[str]) -> str:
    """The innermost function of the server's own code."""
    for frame in reversed(frames):
        if _OWN.search(frame):
            return re.sub(r"\(.*branchline/(.*)\)", r"(\1)", frame)
    return ""


class Profile:
    """Samples by room and by the server's own functions."""

    def __init__(self, raw: str) -> None:
        self.rooms: Counter[str] = Counter()
        self.functions: Counter[str] = Counter()
        for line in raw.splitlines():
            stack, _, count = line.rpartition(" ")
            frames = stack.split(";")
            if any(map(_WAITS.search, frames[-_INNERMOST:])):
                continue
            self.rooms[room_of(frames)] += int(count)
            if own := own_function(frames):
                self.functions[own] += int(count)

    def as_text(self, cpu_micros: float) -> str:
        """Shares, and CPU time of an activity."""
        total = self.rooms.total() or 1
        lines = ["room                 share   µs an activity"]
        for room, count in self.rooms.most_common():
            share = count / total
            lines.append(f"{room:18} {share:7.1%} {share * cpu_micros:12.1f}")
        lines.append("\nthe server's own functions, with what they call outside of it")
        for function, count in self.functions.most_common(_FUNCTIONS):
            share = count / total
            lines.append(f"{share:7.1%} {share * cpu_micros:8.1f} µs  {function}")
        return "\n".join(lines)


async def load(server: Server, seconds: float) -> int:
    """Run chains for some time; how many were done."""
    done = 0
    async with Client(server.address) as client:
        end = time.monotonic() + seconds

        async def run() -> None:
            nonlocal done
            while time.monotonic() < end:
                await (await client.start("chain", {"value": {"n": 0}})).result(60)
                done += 1

        await run_many(IN_FLIGHT, run, IN_FLIGHT)
    return done


async def register(address: str) -> None:
    """Make the workflow known."""
    async with Client(address) as client:
        await client.register(flows.chain())


async def work(address: str) -> None:
    """Be the worker, until this is terminated."""
    await Worker(address, [Crew().work]).run()


def profile(seconds: float, keep: Path | None = None) -> str:
    """Measure, and tell."""
    spy = shutil.which("py-spy", path=str(Path(sys.executable).parent)) or shutil.which("py-spy")
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder, "bench.db")) as server:
        worker = subprocess.Popen([sys.executable, __file__, "--work", server.address])  # noqa: S603
        with contextlib.ExitStack() as stack:
            stack.callback(worker.wait)
            stack.callback(worker.terminate)
            # gRPC does not forget the first loop that it has seen in a process.
            runner = stack.enter_context(asyncio.Runner(loop_factory=uvloop.new_event_loop))
            runner.run(register(server.address))
            runner.run(load(server, 2))
            plain = _measured(runner, server, worker.pid, seconds)
            if spy is None:
                return f"{plain[0]}\npy-spy is missing: pip install py-spy"
            raw = keep or Path(folder, "raw")
            command = [spy, "record", "--pid", str(server.pid), "--output", str(raw)]
            command += ["--format", "raw", "--native", "--full-filenames", "--function"]
            command += ["--rate", str(_RATE), "--duration", str(int(seconds))]
            with subprocess.Popen(command, stdout=subprocess.DEVNULL) as spying:  # noqa: S603
                runner.run(load(server, seconds))
                spying.wait()
            return f"{plain[0]}\n\n{Profile(raw.read_text()).as_text(plain[1])}"


def _measured(
    runner: asyncio.Runner, server: Server, worker: int, seconds: float
) -> tuple[str, float]:
    """The load without a profiler: text, and the server's CPU of an activity in microseconds."""
    before = server.cpu(), cpu_seconds(worker), time.process_time()
    activities = runner.run(load(server, seconds)) * 5
    after = server.cpu(), cpu_seconds(worker), time.process_time()
    costs = [(b - a) / activities * 1e6 for a, b in zip(before, after, strict=True)]
    text = f"{activities / seconds:,.0f} activities a second; CPU µs an activity: "
    names = ("server", "worker", "client")
    text += ", ".join(f"{name} {cost:.0f}" for name, cost in zip(names, costs, strict=True))
    return text, costs[0]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=15.0, help="how long (15)")
    parser.add_argument("--raw", type=Path, help="where to keep the samples")
    parser.add_argument("--work", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.work:
        asyncio.run(work(arguments.work))
    else:
        print(profile(arguments.seconds, arguments.raw))


if __name__ == "__main__":
    main()
