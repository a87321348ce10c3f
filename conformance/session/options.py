"""The suite's options, parsed and checked before the suite sends anything.

An unusable value raises `pytest.UsageError` with one line. Values may hold tokens and passwords, so an error text
quotes neither headers nor the parts of a URL that can carry a secret.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from conformance.driver.deadlines import Deadlines
from conformance.histories.freedoms import DEFAULT, narrowed
from conformance.judge import profiles
from conformance.judge.profiles import NOTHING_DECLARED, Profile, ProfileError
from conformance.report.report import CALIBRATION, REPORT, TRANSCRIPTS, slug
from conformance.session.connection import BadConnectionError, Connection, connection
from conformance.transcript.text import snippet
from doubletext import packages
from doubletext.environment import HEADER_VARIABLE

# The mock executes any number of runs at once, and a play mostly waits. The workers of a deployment behind a URL are
# counted.
EMBEDDED_JOBS = 16
EMBEDDED_NAME = "mock"

_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e]+")
# Part of the name of a folder, and Windows drops a dot at the end of one.
_NAMED = re.compile(r"([0-9A-Za-z](?:[0-9A-Za-z._-]*[0-9A-Za-z_-])?)=(https?:.*)", re.DOTALL)
_HOST = re.compile(r"[0-9A-Za-z._:-]+")


@dataclass(frozen=True)
class Options:
    """The options of one run. Empty `urls` select the embedded mock. The `names` of the deployments are unique.

    The names that the user gave, or None, are `given`.
    """

    urls: tuple[str, ...]
    given: tuple[str | None, ...]
    names: tuple[str, ...]
    assistant: str
    assistant_named: bool
    headers: dict[str, str]
    profile: Profile
    strict: bool
    folder: Path | None
    resume: Path | None
    deadlines: Deadlines
    jobs: int | None
    """None for as many as the deployment has workers for."""
    witness_host: str | None
    connection: Connection
    explore: float | None = None
    """The seconds for which each deployment is explored. None for a run without an exploration."""


def read(config: pytest.Config) -> Options:
    """Return the options of a run, with the headers of the environment variable. Raise `pytest.UsageError`."""
    return parse(config.option, distributed=hasattr(config, "workerinput"))


def parse(option: argparse.Namespace, *, distributed: bool = False) -> Options:
    """Return the options in a namespace of argparse, as `read` does. `distributed`: in a process of pytest-xdist."""
    given = [_named(text) for text in option.deployment_url or []]
    urls = tuple(_url(url) for _, url in given)
    # `--collect-only` lists the tests also where the mock is not installed: it starts no deployment.
    if not urls and not option.collectonly:
        _require_mock()
    profile = _profile(option.deployment_profile)
    return Options(
        urls=urls,
        given=tuple(name for name, _ in given),
        names=_names([name for name, _ in given], urls) if urls else (EMBEDDED_NAME,),
        assistant=_assistant(option.deployment_assistant),
        assistant_named=option.deployment_assistant is not None,
        # The command line is closer to the user than the environment, so it wins.
        headers=_headers(os.environ.get(HEADER_VARIABLE, "").splitlines(), HEADER_VARIABLE)
        | _headers(option.deployment_header or [], "--deployment-header"),
        profile=profile,
        strict=option.conformance_strict,
        # Before `folder`, which makes a folder that is not there. It would then pass for that of a run.
        resume=_resume(option.conformance_resume),
        folder=_folder(option.conformance_report or option.conformance_resume),
        deadlines=Deadlines().scaled(_scale(option.conformance_deadline_scale)),
        jobs=_jobs(option.conformance_jobs, embedded=not urls, distributed=distributed),
        witness_host=_witness_host(option.conformance_witness_host),
        connection=_connection(option),
        explore=_explore(option.conformance_explore, profile),
    )


def _connection(option: argparse.Namespace) -> Connection:
    try:
        return connection(
            ca=option.deployment_ca,
            cert=option.deployment_cert,
            key=option.deployment_key,
            proxy=option.deployment_proxy,
        )
    except BadConnectionError as error:
        raise pytest.UsageError(str(error)) from None


def _require_mock() -> None:
    problem = packages.problem("mockserver")
    if problem is not None:
        raise pytest.UsageError(
            f"the embedded mock is not available ({problem}); give a deployment: --deployment-url=URL"
        )


def _named(text: str) -> tuple[str | None, str]:
    """Split `NAME=URL`. The name is None for a URL alone. Raise UsageError for a name that names no file."""
    found = _NAMED.fullmatch(text)
    if found is None and (other := re.match(r"([^=:/?#@]*)=https?:", text)) is not None:
        raise pytest.UsageError(
            f"--deployment-url: `{snippet(other[1])}` is no name for a deployment. A name has letters, digits, `.`, "
            "`_` and `-`, and begins with a letter or a digit"
        )
    return (found[1], found[2]) if found else (None, text)


def _names(given: Sequence[str | None], urls: Sequence[str]) -> tuple[str, ...]:
    """Return a unique name for every deployment. Raise UsageError when two have the same given name.

    A deployment without a name is named after its URL, with a number where several have the same URL.
    """
    plain = [name or slug(url) for name, url in zip(given, urls, strict=True)]
    for name in given:
        if name is not None and plain.count(name) > 1:
            raise pytest.UsageError(f"--deployment-url: two deployments are named {name}; give each its own NAME=")
    return tuple(name if plain.count(name) == 1 else f"{name}-{index + 1}" for index, name in enumerate(plain))


def _url(text: str) -> str:
    # A user and password precede the `@`, and a token can follow the `?`. The error must quote neither.
    shown = f"`{snippet(re.sub(r'[?#].*', '', text.rpartition('@')[2], flags=re.DOTALL))}`"
    form = "http://HOST:PORT or https://HOST/PREFIX"
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError:  # from a port that is not a number, or an unclosed `[`; its text would quote the URL
        raise pytest.UsageError(f"--deployment-url: {shown} is not of the form {form}") from None
    # urlsplit silently removes tabs and newlines, so the whole text is checked, not its parts.
    if parts.scheme not in ("http", "https") or not _HOST.fullmatch(host) or port == 0 or not text.isprintable():
        raise pytest.UsageError(f"--deployment-url: {shown} is not of the form {form}")
    # An empty query or fragment is lost in urlsplit, but would still swallow the paths that are appended to the URL.
    if parts.query or parts.fragment or text.endswith(("?", "#")):
        raise pytest.UsageError(
            f"--deployment-url: {shown} has a query or a fragment, to which no path can be appended; "
            "send a token with --deployment-header='NAME: VALUE'"
        )
    return text


def _assistant(name: str | None) -> str:
    if name is None:
        return "agent"
    if not name.strip():
        raise pytest.UsageError("--deployment-assistant: the name is empty; give a graph name or an assistant id")
    return name


def _headers(lines: Sequence[str], where: str) -> dict[str, str]:
    """Return headers by lower-case name. An error names the header and never its value."""
    headers: dict[str, str] = {}
    for line in lines:
        if not line.strip():
            continue
        name, colon, value = line.partition(":")
        name, value = name.strip(), value.strip()
        if not colon or not _HEADER_NAME.fullmatch(name):
            # The line is not quoted: it may be a token that was given without a header name.
            raise pytest.UsageError(f"{where}: a header is not of the form 'Name: value'")
        if not value:
            raise pytest.UsageError(f"{where}: the header {name} has no value")
        if not _HEADER_VALUE.fullmatch(value):
            raise pytest.UsageError(f"{where}: the value of {name} has characters that are not allowed in a header")
        headers[name.lower()] = value
    return headers


def _profile(name: str | None) -> Profile:
    if name is None:
        return NOTHING_DECLARED
    try:
        return profiles.load(name)
    except ProfileError as error:
        raise pytest.UsageError(f"--deployment-profile: {' '.join(str(error).split())}") from error


def _folder(name: str | None) -> Path | None:
    if name is None:
        return None
    folder = Path(name).absolute()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        writable = os.access(folder, os.W_OK)
    except OSError as error:
        raise pytest.UsageError(f"--conformance-report: {folder} cannot be created: {error.strerror}") from error
    if not writable:
        raise pytest.UsageError(f"--conformance-report: {folder} is not writable")
    return folder


def _resume(name: str | None) -> Path | None:
    if name is None:
        return None
    folder = Path(name).absolute()
    # With several deployments each has a folder of its own inside.
    # A run that was killed early has left an empty one. With xdist its examination may be the first file.
    empty = folder.is_dir() and not any(folder.iterdir())
    left = (TRANSCRIPTS, CALIBRATION, REPORT)
    if not empty and not any(any(folder.glob(name)) for kept in left for name in (kept, f"*/{kept}")):
        raise pytest.UsageError(
            f"--conformance-resume: {folder} has no transcripts. Give the folder of a run with --conformance-report, "
            "or start a new run with that option"
        )
    return folder


def _scale(scale: float | None) -> float:
    if scale is None:
        return 1.0
    # At 1000 the suite waits more than four hours for a run to start. A larger factor is a slip of the keyboard.
    if not 0 < scale <= 1000:
        raise pytest.UsageError(f"--conformance-deadline-scale: {scale:g} is not above 0 and at most 1000")
    return scale


def _explore(seconds: float | None, profile: Profile) -> float | None:
    if seconds is None:
        return None
    # A day. A longer time is a slip of the keyboard.
    if not 0 < seconds <= 86_400:
        raise pytest.UsageError(f"--conformance-explore: {seconds:g} is not above 0 and at most 86400 seconds")
    if importlib.util.find_spec("hypothesis") is None:
        raise pytest.UsageError("--conformance-explore: hypothesis is missing. Install doubletext[suite,explore]")
    try:
        narrowed(DEFAULT, profile.exploration)
    except ValueError as error:
        raise pytest.UsageError(f"--deployment-profile: {error}") from None
    return seconds


def _jobs(given: str | None, *, embedded: bool, distributed: bool) -> int | None:
    if given in (None, "auto"):
        if embedded:
            return EMBEDDED_JOBS
        # Each process of pytest-xdist would find all workers of the deployment free.
        return 1 if distributed else None
    number = int(given) if given.isdecimal() and len(given) < 9 else 0
    if not 1 <= number <= 1000:
        raise pytest.UsageError(f"--conformance-jobs: {snippet(given)} is neither `auto` nor between 1 and 1000")
    return number


def _witness_host(host: str | None) -> str | None:
    if host is not None and not _HOST.fullmatch(host):
        raise pytest.UsageError(
            f"--conformance-witness-host: `{snippet(host)}` is neither a host name nor an IP address"
        )
    return host
