"""Writes plain values as YAML text that reads back as the same."""

from __future__ import annotations

from collections.abc import Mapping

import yaml

from branchline.client.definitions._scalars import scalar_of

# Readers take these for line ends, or not: they survive only when they are escaped.
_ODD_LINE_ENDS = frozenset("\x85\u2028\u2029")


class _Dumper(yaml.SafeDumper):
    """Writes no aliases, and quotes every text that would be read back as something else."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 - the base class asks
        return True

    def represent_text(self, text: str) -> yaml.ScalarNode:
        node: yaml.ScalarNode = self.represent_scalar("tag:yaml.org,2002:str", text, _style(text))
        return node


_Dumper.add_representer(str, _Dumper.represent_text)


def _style(text: str) -> str | None:
    """How to quote a text; None leaves it to the emitter."""
    if not _ODD_LINE_ENDS.isdisjoint(text):
        return '"'
    return "'" if _is_misread(text) else None


def _is_misread(text: str) -> bool:
    try:
        return not isinstance(scalar_of(text), str)
    except ValueError:
        return True


def write_yaml(value: Mapping[str, object]) -> str:
    """The mapping as YAML text, its keys in their order."""
    text: str = yaml.dump(dict(value), Dumper=_Dumper, sort_keys=False, allow_unicode=True)
    return text
