"""A program that evaluates CEL with Google's implementation: one JSON line in, one out.

It runs in a process of its own, because that implementation ends the process on some inputs. A
request is a text; the answer is `[value]`, or `[]` for an error.
"""

from __future__ import annotations

import json
import sys

from cel_expr_python import cel
from cel_expr_python.ext import ext_optional, ext_strings


def main() -> None:
    """Answer until the input ends."""
    environment = cel.NewEnv(
        extensions=[ext_strings.ExtStrings(), ext_optional.ExtOptional()],
    )
    for line in sys.stdin:
        answer: list[object] = []
        try:
            result = environment.compile(json.loads(line), disable_check=True).eval(data={})
            if result.type() != cel.Type.ERROR:
                answer = [result.plain_value()]
        except Exception:  # noqa: BLE001  # its errors have no common class
            answer = []
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
