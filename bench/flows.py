"""The workflows that are measured, as definitions that both the engine and the SDK take."""

from __future__ import annotations

from typing import Any

Definition = dict[str, Any]


def loop() -> Definition:
    """A step that is done again until its activity says that it is enough."""
    again = [{"step": "round", "condition": "state.more"}]
    step = {"name": "round", "activity": "again", "store": "more", "next": again}
    return {"name": "loop", "state": {"more": True}, "steps": [step]}


def filled_loop() -> Definition:
    """The same, after a step has been done until the state is as large as is wanted."""
    fill = {
        "name": "fill",
        "activity": "fill",
        "each": {"items": "${inputs.parts}", "as": "part"},
        "parameters": {"size": "${state.part}"},
        "store": "ballast",
        "next": [{"step": "round"}],
    }
    definition = loop()
    inputs = [{"name": "parts", "type": "array"}]
    return {**definition, "name": "filled", "inputs": inputs, "steps": [fill, *definition["steps"]]}


def each() -> Definition:
    """A step for every item of a list."""
    step = {
        "name": "work",
        "activity": "work",
        "each": {"items": "${inputs.items}", "as": "item"},
        "parameters": {"value": "${state.item}"},
        "store": "results",
    }
    return {"name": "each", "inputs": [{"name": "items", "type": "array"}], "steps": [step]}


def fork(width: int) -> Definition:
    """As many branches, each with a step, and one that waits for them and takes their results."""
    names = [f"b{number}" for number in range(width)]
    edges = [{"step": "work", "branch": name} for name in names]
    join = {"branches": names, "branch_mappings": {f"{n}.out": f"got.{n}" for n in names}}
    steps = [
        {"name": "begin", "activity": "work", "parameters": {"value": 1}, "next": edges},
        {"name": "work", "activity": "work", "parameters": {"value": 1}, "store": "out"},
        {"name": "gather", "join": join},
    ]
    edges.append({"step": "gather", "branch": "desk"})
    return {"name": f"fork {width}", "steps": steps}


def chain(length: int = 5) -> Definition:
    """Steps one after the other, each given what the one before made."""
    steps: list[Definition] = [
        {
            "name": f"step {number}",
            "activity": "work",
            "parameters": {"value": "${state.value}" if number else "${inputs.value}"},
            "store": "value",
            "next": [{"step": f"step {number + 1}"}],
        }
        for number in range(length)
    ]
    del steps[-1]["next"]
    return {
        "name": "chain",
        "inputs": [{"name": "value", "type": "any"}],
        "steps": steps,
        "outputs": [{"name": "value"}],
    }


def waiting() -> Definition:
    """A wait for a signal of which nobody thinks, up to an hour."""
    wait: Definition = {"topic": "go", "timeout": "1h"}
    return {"name": "wait", "steps": [{"name": "wait", "wait_signal": wait}]}


def listening() -> Definition:
    """Rounds of an activity, then rounds of waiting for a signal."""
    definition = loop()
    step = definition["steps"][0]
    edges = [*step["next"], {"step": "listen", "condition": "!state.more"}]
    wait = {"topic": "go", "timeout": "1h", "store": "heard"}
    listen = {"name": "listen", "wait_signal": wait, "next": [{"step": "listen"}]}
    steps = [{**step, "next": edges}, listen]
    return {**definition, "name": "listen", "steps": steps}


def gated_loop() -> Definition:
    """The loop, once a signal has come."""
    return _gated(loop(), "gated loop")


def gated_chain(length: int) -> Definition:
    """The chain, once a signal has come."""
    return _gated(chain(length), "gated chain")


def _gated(definition: Definition, name: str) -> Definition:
    wait = {"topic": "go", "timeout": "1h"}
    first = definition["steps"][0]["name"]
    gate = {"name": "gate", "wait_signal": wait, "next": [{"step": first}]}
    return {**definition, "name": name, "steps": [gate, *definition["steps"]]}
