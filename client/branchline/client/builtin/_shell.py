"""The activity ``shell``, for workers that ask for it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from branchline.client.activities import activity
from branchline.client.builtin._process import Ended, Program, TooMuchOutput, run_program
from branchline.client.builtin._timeouts import seconds_of
from branchline.client.errors import ActivityError

INHERITED: Final = ("PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR")
"""The variables that programs have from the worker."""

_SHELL: Final = "/bin/sh"
_SHOWN: Final = 200
"""Characters of a command that an error shows."""


def shell(*, inherit: Iterable[str] = ()) -> Callable[..., Any]:
    """The activity ``shell``: it runs whatever a definition says, with the worker's rights.

    ``inherit`` names variables of the worker's environment that programs see, besides those that
    they always have.

    Raises:
        ValueError: the system is no POSIX system.

    """
    if os.name != "posix":
        raise ValueError("the activity shell needs a POSIX system, such as Linux or macOS")
    return _Shell((*INHERITED, *inherit)).run


class _Shell:
    def __init__(self, inherited: Iterable[str]) -> None:
        self._inherited = tuple(inherited)

    @activity(name="shell")
    async def run(
        self,
        command: str,
        args: list[str | int | float] | None = None,
        working_dir: str | None = None,
        environment: dict[str, str | int | float] | None = None,
        timeout: float | str = 60,
    ) -> dict[str, Any]:
        """Run a program, or without ``args`` a command line of ``sh``, and tell how it ended.

        The program and all that it has started are killed when it ends, when the timeout (a
        duration or seconds) has passed, and when nobody wants the result any more.

        Raises:
            ActivityError: it cannot be started, or writes too much; of type ``timeout`` when it
                did not end in time.

        """
        if not command.strip():
            raise ActivityError("command must not be empty: name a program")
        variables = self._environment(environment or {})
        try:
            program = Program(_line(command, args), variables, _folder(working_dir))
            return _result(await run_program(program, seconds_of(timeout)))
        except (OSError, TooMuchOutput, ValueError) as error:
            raise _failure(error, command, timeout) from None

    def _environment(self, given: Mapping[str, str | int | float]) -> dict[str, str]:
        for name in given:
            if not name or "=" in name:
                raise ActivityError(f"environment: {name!r} is no name of a variable")
        inherited = {name: os.environ[name] for name in self._inherited if name in os.environ}
        return inherited | {name: str(value) for name, value in given.items()}


def _line(command: str, args: list[str | int | float] | None) -> list[str]:
    if args is None:
        return [_SHELL, "-c", command]
    return [command, *map(str, args)]


def _folder(working_dir: str | None) -> str | None:
    if working_dir is not None and not Path(working_dir).is_dir():
        raise ActivityError(f"working_dir: there is no folder {working_dir!r}")
    return working_dir


def _result(ended: Ended) -> dict[str, Any]:
    return {
        "stdout": _text(ended.stdout),
        "stderr": _text(ended.stderr),
        "exit_code": ended.exit_code,
        "success": ended.exit_code == 0,
    }


def _text(output: bytes) -> str:
    """The output as ``$(...)`` of a shell gives it: without the line ends at its end."""
    return output.decode(errors="replace").rstrip("\r\n")


def _failure(error: Exception, command: str, timeout: float | str) -> ActivityError:
    shown = repr(command if len(command) <= _SHOWN else command[:_SHOWN] + "...")
    if isinstance(error, TimeoutError):
        return ActivityError(f"command {shown} has not ended within {timeout}", type="timeout")
    if isinstance(error, TooMuchOutput):
        return ActivityError(f"command {shown}: {error}: let it write to a file instead")
    if isinstance(error, FileNotFoundError):
        return ActivityError(
            f"command: there is no program {shown}; leave args out to run a command line"
        )
    reason = error.strerror if isinstance(error, OSError) else error
    return ActivityError(f"command {shown} cannot be started: {reason}")
