"""The settings of a deployment: the keyword arguments of `create_app`, `serving` and `MockDeployment`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypedDict

if TYPE_CHECKING:
    from mockserver.core.policy import Policy
    from mockserver.defects import Defect
    from mockserver.script.types import Script
    from mockserver.web.faults import Fault


class Beginning(TypedDict, total=False):
    """The settings that a reset of the deployment sets anew."""

    script: Script | Path | str | None
    """What the agent does: a script, a file, or the text of one. Default: the guides' conversation."""

    seed: int
    """The number from which every id is made. Default: 0."""

    defects: Iterable[str | Defect]
    """What it gets wrong from its first request on. Default: nothing."""

    faults: Iterable[str | Fault]
    """What its network does wrong, as `Fault` or as text like `cut@2`. Default: nothing."""


class Settings(Beginning, total=False):
    """All settings; those that are not given have the defaults that are named here."""

    policy: Policy | None
    """The semantics. Default: the documented ones."""

    keep_alive: float
    """Seconds of silence after which an open answer shows that it is alive. Default: 5."""

    allow_callbacks: Iterable[str]
    """Hosts, beside the loopback, to which webhooks and the reports of probes may be sent. Default: none."""

    allow_hosts: Iterable[str]
    """Names, beside `localhost`, under which programs reach the control API. Default: none."""

    allow_origins: Iterable[str]
    """Origins, `SCHEME://HOST[:PORT]` or `*`, whose web pages may use the control API. Default: none."""

    run_timeout: float | None
    """Seconds of scripted time after which a run ends with `timeout`. Default: never."""


DEFAULTS: Final[Settings] = {
    "script": None,
    "seed": 0,
    "defects": (),
    "faults": (),
    "policy": None,
    "keep_alive": 5.0,
    "allow_callbacks": (),
    "allow_hosts": (),
    "allow_origins": (),
    "run_timeout": None,
}


def refuse_unknown(given: Mapping[str, object], settings: type[Beginning]) -> None:
    """Raise TypeError for a name that is not one of the settings, as Python does for a keyword argument."""
    # A TypedDict is checked by mypy only, and not when the program runs.
    known = settings.__annotations__
    for name in given:
        if name not in known:
            raise TypeError(f"unexpected keyword argument {name!r}; the settings are {', '.join(known)}")
