"""Definition files for the command line's tests."""

from __future__ import annotations

from pathlib import Path

GREET = """
name: greet
inputs:
  - {name: who, type: string, default: world}
  - {name: times, type: integer, default: 1}
steps:
  - name: say
    activity: print
    parameters: {message: "hello ${inputs.who}"}
    store: said
    next: note
  - name: note
    activity: json
    parameters: {operation: stringify, data: "${inputs.times}"}
    store: times
outputs: [{name: said}, {name: times}]
"""

# Needs no worker, and nothing but a signal makes it go on.
ASK = """
name: ask
steps:
  - name: wait
    wait_signal: {topic: answer, timeout: 1h, store: answer}
outputs: [{name: answer}]
"""

FAIL = """
name: fail
steps:
  - {name: break, activity: fail, parameters: {message: "it broke", type: broken}}
"""

# Needs no worker to fail.
HOPELESS = """
name: hopeless
steps:
  - {name: gate, pause: {reason: never}, next: [{step: gate, condition: state.missing}]}
"""

# What is offered only when it is named.
TOOLS = """
name: tools
steps:
  - {name: say, activity: shell, parameters: {command: "echo hello"}, store: said, next: keep}
  - name: keep
    activity: file
    parameters: {operation: write, path: memo, content: "${state.said.stdout}"}
outputs: [{name: said, variable: said.stdout}]
"""

SLEEP = """
name: sleep
steps:
  - {name: doze, sleep: {duration: 1h}}
"""

OWN = """
name: own
steps:
  - {name: double, activity: double, parameters: {number: 21}, store: result}
outputs: [{name: result}]
"""

PARENT = """
name: parent
steps:
  - {name: delegate, child: {workflow: own}, each: {items: [1]}, next: once more}
  - {name: once more, child: {workflow: own}, store: child}
outputs: [{name: result, variable: child.outputs.result}]
"""

BROKEN = """
name: broken
steps:
  - {name: a, sleep: {duration: 1s}, next: nowhere}
  - {name: b, sleep: {duration: later}}
"""

DOUBLE = """
from branchline.client import activity

@activity
def double(number: int) -> int:
    print("doubling")
    return number * 2

both = [double]
other = 1
"""


def write(folder: Path, name: str, text: str) -> Path:
    """Write a file."""
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path
