"""The configuration of one run in `config.configurable.probe`, or in its context: the contract's table as a parser.

Every key is checked, although the suite only sends valid probes. A server that changes a run's config on the way would
otherwise show as a verdict about double texting.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, Literal, TypeVar

OnCancel = Literal["stop", "linger", "swallow"]
Work = Literal["tools", "subgraph", "parallel"]

_LABEL = re.compile(r"[A-Za-z0-9_-]{1,32}")
_STEP = re.compile(r"(agent|tools|search|quote|audit):[1-9][0-9]*")
_POINT = re.compile(rf"{_STEP.pattern}/(enter|token|cancelled|exit)")
_LONGEST_HOLD = 600

T = TypeVar("T")


class ProbeConfigError(ValueError):
    """An error in the probe of a run. The text names the key."""


@dataclass(frozen=True, kw_only=True)
class Probe:
    """The configuration of one run. CONTRACT.md defines the keys. Holds are in seconds."""

    version: Literal[1, 2, 3, 4]
    label: str
    witness: str | None
    hold: dict[str, float]
    fail: tuple[str, ...]
    interrupt: tuple[str, ...]
    on_cancel: OnCancel
    linger: float
    work: Work
    show: bool


def read_probe(configurable: dict[str, Any]) -> Probe | None:
    """Return the probe of a run, or None for a run without one.

    Raises `ProbeConfigError` for a missing or unknown key and for a wrong type or value.
    """
    raw = configurable.get("probe")
    if raw is None:
        return None
    if not isinstance(raw, dict):
        raise _error("probe", "an object", raw)
    known = {field.name for field in fields(Probe)}
    for key in raw:
        if key not in known:
            raise ProbeConfigError(f"probe.{key}: unknown key")
    # Checked first, so that a probe without a version is not reported as one with a wrong value.
    for key in ("version", "label"):
        if key not in raw:
            raise ProbeConfigError(f"probe.{key}: missing")

    def read(key: str, reader: Callable[[str, object], T], default: T) -> T:
        return reader(f"probe.{key}", raw[key]) if key in raw else default

    probe = Probe(
        version=_version("probe.version", raw["version"]),
        label=_label("probe.label", raw["label"]),
        witness=read("witness", _text_or_none, None),
        hold=read("hold", _holds, {}),
        fail=read("fail", _steps, ()),
        interrupt=read("interrupt", _steps, ()),
        on_cancel=read("on_cancel", _on_cancel, "stop"),
        linger=read("linger", _seconds, 0.5),
        work=read("work", _work, "tools"),
        show=read("show", _flag, False),
    )
    if probe.version == 1 and probe.work != "tools":
        raise ProbeConfigError(f"probe.work: {probe.work} needs version 2")
    if probe.version < 3 and probe.show:
        raise ProbeConfigError("probe.show: it needs version 3")
    return probe


def shown_configurable(configurable: dict[str, Any]) -> dict[str, Any]:
    """Return the part of a configurable that the agent shows: what the suite sent, and no secrets."""
    return {name: value for name, value in configurable.items() if name.startswith("doubletext_")}


def _version(key: str, value: object) -> Literal[1, 2, 3, 4]:
    # By type, because True == 1 in Python, but `true` is not a version.
    if type(value) is int:
        if value == 1:
            return 1
        if value == 2:
            return 2
        if value == 3:
            return 3
        if value == 4:
            return 4
    raise _error(key, "1, 2, 3 or 4", value)


def _flag(key: str, value: object) -> bool:
    if isinstance(value, bool):
        return value
    raise _error(key, "true or false", value)


def _work(key: str, value: object) -> Work:
    if value not in ("tools", "subgraph", "parallel"):
        raise _error(key, "tools, subgraph or parallel", value)
    return value


def _label(key: str, value: object) -> str:
    return _matching(_LABEL, key, value)


def _text_or_none(key: str, value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    raise _error(key, "a string", value)


def _holds(key: str, value: object) -> dict[str, float]:
    if not isinstance(value, dict):
        raise _error(key, "an object", value)
    return {_matching(_POINT, key, point): _seconds(f"{key}.{point}", s) for point, s in value.items()}


def _steps(key: str, value: object) -> tuple[str, ...]:
    if not isinstance(value, list | tuple):
        raise _error(key, "a list of steps", value)
    return tuple(_matching(_STEP, key, step) for step in value)


def _on_cancel(key: str, value: object) -> OnCancel:
    if value not in ("stop", "linger", "swallow"):
        raise _error(key, "stop, linger or swallow", value)
    return value


def _seconds(key: str, value: object) -> float:
    # bool is a subclass of int in Python. Every comparison with NaN is false, so NaN is rejected here.
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= _LONGEST_HOLD:
        return float(value)
    raise _error(key, f"0 to {_LONGEST_HOLD} seconds", value)


def _matching(pattern: re.Pattern[str], key: str, value: object) -> str:
    if isinstance(value, str) and pattern.fullmatch(value):
        return value
    raise _error(key, f"a string that matches {pattern.pattern}", value)


def _error(key: str, expected: str, value: object) -> ProbeConfigError:
    # As JSON, because a probe is written in JSON. The default is for a value that a server has put there itself.
    return ProbeConfigError(f"{key}: expected {expected}, got {json.dumps(value, default=repr)}")
