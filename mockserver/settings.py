"""The settings of a deployment: the keyword arguments of `create_app`, `serving` and `MockDeployment`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final, TypedDict

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
    """The number from which every id is generated. Default: 0."""

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


def reject_unknown(given: Mapping[str, object], settings: type[ResetSettings]) -> None:
    """Raise TypeError for a name that is not one of the settings, as Python does for a keyword argument."""
    # Only mypy checks a TypedDict: at run time a misspelled setting would be ignored.
    known = settings.__annotations__
    for name in given:
        if name not in known:
            raise TypeError(f"unexpected keyword argument {name!r}; the settings are {', '.join(known)}")
