"""The settings of a deployment: the keyword arguments of `create_app`, `serving` and `MockDeployment`."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final, TypedDict

from mockserver.control.errors import UsageError
from mockserver.words import nearest, quoted

if TYPE_CHECKING:
    from mockserver.core.policy import Policy
    from mockserver.defects import Defect
    from mockserver.script.sources import Sources
    from mockserver.web.faults import Fault


class ResetSettings(TypedDict, total=False):
    """The settings that `MockDeployment.reset` accepts."""

    script: Sources | None
    """The graphs: a `Script`, a YAML file, or YAML text, a list of these, or a mapping from names to these.

    A path can also be a folder of scripts, or a file like `langgraph.json`. Default: the guides' conversation."""

    graph: str | None
    """The name of the built-in graph, the guides' conversation. Default: `agent`."""

    seed: int
    """The number from which every id is generated. Default: 0 at the start, and other ids after each reset."""

    defects: Iterable[str | Defect]
    """The defects that are switched on from the first request. Default: none."""

    faults: Iterable[str | Fault]
    """The network faults that are set from the first request, as `Fault` or as text like `cut@2`. Default: none."""

    strict: bool
    """True to refuse what is otherwise ignored, such as unknown fields and parameters. Default: False."""


class Settings(ResetSettings, total=False):
    """All settings, each with its default."""

    policy: Policy | None
    """The double-texting semantics. Default: the documented ones."""

    keep_alive: float
    """The seconds between keep-alives (a heartbeat or a newline) in a silent response. Default: 5, as observed."""

    allow_callbacks: Iterable[str]
    """Hosts, beside the loopback, to which webhooks and the reports of probes may be sent. Default: none."""

    allow_hosts: Iterable[str]
    """Names, beside `localhost`, under which programs reach the control API. Default: none."""

    allow_origins: Iterable[str]
    """Origins, `SCHEME://HOST[:PORT]` or `*`, whose web pages may use the control API. Default: none."""

    max_body: int
    """The largest request body in bytes. A larger one is refused with 413. Default: 100 MiB."""

    run_timeout: float | None
    """The seconds of scripted time after which a run ends with status `timeout`. Default: no limit."""

    workers: int | None
    """The number of runs that execute at the same time. Others stay pending, in their order. Default: no limit."""


MAX_BODY: Final = 100 * 1024 * 1024
"""The official server has no limit. This one protects the memory of a shared mock."""

DEFAULTS: Final[Settings] = {
    "script": None,
    "graph": None,
    "seed": 0,
    "defects": (),
    "strict": False,
    "faults": (),
    "policy": None,
    "keep_alive": 5.0,
    "allow_callbacks": (),
    "allow_hosts": (),
    "allow_origins": (),
    "max_body": MAX_BODY,
    "run_timeout": None,
    "workers": None,
}


LISTS: Final = ("defects", "faults", "allow_callbacks", "allow_hosts", "allow_origins")
"""The settings that have several values. A single one may be given without a list."""


def chosen_settings(given: Mapping[str, Any], settings: type[ResetSettings]) -> Settings:
    """Return the given settings with the defaults of the others.

    Raises TypeError for a name that is not one of `settings`, as Python does for a keyword argument, and `UsageError`
    for a value that the setting does not have.
    """
    # Only mypy checks a TypedDict: at run time a misspelled setting would be ignored.
    known = settings.__annotations__
    for name in given:
        if name not in known:
            near = nearest(name, known, MEANT)
            suggestion = f" Did you mean `{near}`?" if near in known else ""
            raise TypeError(f"unexpected keyword argument {name!r}.{suggestion} The settings are {', '.join(known)}")
    chosen: dict[str, Any] = {**DEFAULTS, **given}
    for name in LISTS:
        # A text is a list of its characters, of which none is the name of anything.
        one = chosen[name]
        listed = isinstance(one, Iterable) and not isinstance(one, (str, bytes, Mapping))
        chosen[name] = () if one is None else tuple(one) if listed else (one,)
    for name in ("allow_hosts", "allow_callbacks"):
        for one in chosen[name]:
            if not isinstance(one, str) or not _HOST.fullmatch(one):
                raise UsageError(f"the setting `{name}` has {quoted(one)}. Give the name of a host, without a scheme")
    for one in chosen["allow_origins"]:
        if not isinstance(one, str) or not _ORIGIN.fullmatch(one):
            raise UsageError(f"the setting `allow_origins` has {quoted(one)}. Give SCHEME://HOST[:PORT], or `*`")
    for name, (test, wanted) in _VALUES.items():
        if not test(chosen[name]):
            raise UsageError(f"the setting `{name}` is {quoted(chosen[name])}. Give {wanted}")
    return chosen  # type: ignore[return-value]  # built from the names that were checked above


_HOST: Final = re.compile(r"[^/:@\s]+|\[?[0-9A-Fa-f:.]+\]?")
"""A host: a name or an address, without a scheme, a port or a path."""
_ORIGIN: Final = re.compile(r"\*|[A-Za-z][A-Za-z0-9+.-]*://[^/\s]+/?|null")


MEANT: Final = {
    **dict.fromkeys(("defect", "bugs"), "defects"),
    **dict.fromkeys(("fault", "failures"), "faults"),
    **dict.fromkeys(("scenario", "yaml", "agent", "scripts", "turns", "conversation"), "script"),
    **dict.fromkeys(("graphs", "assistant", "assistant_id", "graph_id"), "graph"),
    **dict.fromkeys(("clock", "time_mode"), "time"),
    **dict.fromkeys(("timeout",), "run_timeout"),
    **dict.fromkeys(("cors", "origins"), "allow_origins"),
    **dict.fromkeys(("concurrency", "jobs", "n_jobs"), "workers"),
}
"""The words of other tools for the settings."""


def _is_number(value: object, *, above: float, whole: bool = False) -> bool:
    kinds = (int,) if whole else (int, float)
    return isinstance(value, kinds) and not isinstance(value, bool) and above < value < math.inf


_VALUES: Final[Mapping[str, tuple[Any, str]]] = {
    "seed": (lambda value: isinstance(value, int) and not isinstance(value, bool), "a whole number"),
    "graph": (lambda value: value is None or isinstance(value, str), "the name of the graph as a text"),
    "strict": (lambda value: isinstance(value, bool), "True or False"),
    "keep_alive": (lambda value: _is_number(value, above=0), "a number of seconds above 0"),
    "max_body": (lambda value: _is_number(value, above=0, whole=True), "a number of bytes above 0"),
    "run_timeout": (lambda value: value is None or _is_number(value, above=0), "a number of seconds above 0, or None"),
    "workers": (lambda value: value is None or _is_number(value, above=0, whole=True), "a number from 1, or None"),
}
"""The test of a value of each setting that nothing else reads before it is used, and what it has to be."""
