"""The rules of YAML 1.2 for values without quotes, in place of those of YAML 1.1 that PyYAML has.

`on`, `yes` and `no` are texts, and so are dates and times. Whole numbers are decimal, also with a zero in front, and
`0o17` and `0x1f` are octal and hexadecimal. JSON is YAML 1.2, so a script in JSON means what JSON says. The merge key
`<<` of YAML 1.1 remains, because the anchors of a script are of little use without it.

https://yaml.org/spec/1.2.2/#103-core-schema
"""

from __future__ import annotations

import re
from typing import Any, Final

import yaml

TAG: Final = "tag:yaml.org,2002:"

RULES: Final = (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("null", r"~|null|Null|NULL|", "~nN\0"),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", "-+0123456789"),
    (
        "float",
        r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
        "-+.0123456789",
    ),
    ("merge", "<<", "<"),
)
"""The names of types, the values that have them, and the signs with which these begin. The first that fits wins."""

VALUES: Final = frozenset(f"{TAG}{name}" for name in ("str", "int", "float", "bool", "null", "seq", "map", "merge"))
"""The types of JSON, as tags."""

# libyaml's loader is several times as fast, but not every build of PyYAML has it.
_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Loader(_Base):  # type: ignore[misc]  # which of two classes it is depends on the build
    """A loader of plain data by the rules of YAML 1.2."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, Any]]] = {}  # noqa: RUF012 - PyYAML declares it so


def _whole(loader: Any, node: yaml.ScalarNode) -> int:
    text = loader.construct_scalar(node)
    return int(text, 8 if text.startswith("0o") else 16 if text.startswith("0x") else 10)


def add_rules(kind: Any, *, keep: bool) -> None:
    """Let a loader or a dumper of PyYAML follow the rules. `keep`: beside those that it has."""
    kept = {sign: list(rules) for sign, rules in kind.yaml_implicit_resolvers.items()} if keep else {}
    kind.yaml_implicit_resolvers = kept
    for name, values, signs in RULES:
        # PyYAML finds the rules by the first sign of a value, and those of an empty value under an empty text.
        found = ["" if sign == "\0" else sign for sign in signs]
        kind.add_implicit_resolver(f"{TAG}{name}", re.compile(rf"(?:{values})$"), found)


add_rules(Loader, keep=False)
Loader.add_constructor(f"{TAG}int", _whole)
