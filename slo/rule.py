"""Rules and groups of rules, and their form in a Prometheus rule file.

In: names, expressions, labels. Out: YAML. Independent of service levels.
"""

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml


@dataclass(frozen=True, slots=True)
class Rule:
    """`fields` as Prometheus names them; `comment` stands above the rule."""

    fields: Mapping[str, Any]
    comment: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """Rules evaluated one after the other; `comment` explains what it leaves out. interval_s: if it
    differs from the file's."""

    name: str
    rules: Sequence[Rule] = field(default_factory=tuple)
    comment: str = ""
    interval_s: int | None = None


class _Dumper(yaml.SafeDumper):
    """Writes text of several lines as a block."""


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    style = "|" if "\n" in value else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(str, _text)


def record(name: str, expr: str, labels: Mapping[str, str] | None = None) -> Rule:
    """A recording rule."""
    return Rule({"record": name, "expr": expr} | ({"labels": dict(labels)} if labels else {}))


def render(groups: Sequence[Group], interval_s: int, head: str) -> str:
    """The rule file; `head` is the comment at its top."""
    parts = [_comment(head), "groups:\n"]
    for group in groups:
        parts.append(textwrap.indent(_comment(group.comment), "  "))
        interval = group.interval_s or interval_s
        parts.append(f"  - name: {group.name}\n    interval: {interval}s\n    rules:\n")
        for rule in group.rules:
            text = yaml.dump([dict(rule.fields)], Dumper=_Dumper, sort_keys=False, width=1000)
            parts.append(textwrap.indent(_comment(rule.comment) + text, " " * 6))
    return "".join(parts)


def _comment(text: str) -> str:
    lines = (line for part in text.splitlines() for line in textwrap.wrap(part, 96) or [""])
    return "".join(f"# {line}".rstrip() + "\n" for line in lines)
