"""The suite's options, checked: what is unusable is said in one line that quotes no secret, before anything is done."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from conformance.driver.deadlines import Deadlines
from conformance.judge import profiles
from conformance.judge.profiles import NOTHING_DECLARED, Profile, ProfileError
from conformance.report.report import slug
from conformance.session.connection import BadConnectionError, Connection, connection
from doubletext import packages
from doubletext.environment import HEADER_VARIABLE

EMBEDDED_JOBS = 8
EMBEDDED_NAME = "mock"

_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e]+")
# Part of the name of a folder, and Windows drops a dot at the end of one.
_NAMED = re.compile(r"([0-9A-Za-z](?:[0-9A-Za-z._-]*[0-9A-Za-z_-])?)=(https?:.*)", re.DOTALL)
_HOST = re.compile(r"[0-9A-Za-z._:-]+")


@dataclass(frozen=True)
class Options:
    """What the user asked for; no `urls` means the embedded mock. Every deployment has a name unlike all others."""

    urls: tuple[str, ...]
    names: tuple[str, ...]
    assistant: str
    assistant_named: bool
    headers: dict[str, str]
    profile: Profile
    strict: bool
    folder: Path | None
    deadlines: Deadlines
    jobs: int
    witness_host: str | None
    connection: Connection


def read(config: pytest.Config) -> Options:
    """The options of a run, and the header variable of the environment; raises `pytest.UsageError`."""
    option = config.option
    given = [_named(text) for text in option.deployment_url or []]
    urls = tuple(_url(url) for _, url in given)
    if not urls and not option.collectonly:
        _demand_mock()
    return Options(
        urls=urls,
        names=_names([name for name, _ in given], urls) if urls else (EMBEDDED_NAME,),
        assistant=_assistant(option.deployment_assistant),
        assistant_named=option.deployment_assistant is not None,
        headers=_headers(os.environ.get(HEADER_VARIABLE, "").splitlines(), HEADER_VARIABLE)
        | _headers(option.deployment_header or [], "--deployment-header"),
        profile=_profile(option.deployment_profile),
        strict=option.conformance_strict,
        folder=_folder(option.conformance_report),
        deadlines=Deadlines().scaled(_scale(option.conformance_deadline_scale)),
        jobs=_jobs(option.conformance_jobs, embedded=not urls),
        witness_host=_witness_host(option.conformance_witness_host),
        connection=_connection(option),
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


def _demand_mock() -> None:
    problem = packages.problem("mockserver")
    if problem is not None:
        raise pytest.UsageError(
            f"the embedded mock is not available, so name a deployment with --deployment-url: {problem}"
        )


def _named(text: str) -> tuple[str | None, str]:
    """The name and the URL in `NAME=URL`; no name where there is only a URL."""
    found = _NAMED.fullmatch(text)
    return (found[1], found[2]) if found else (None, text)


def _names(given: Sequence[str | None], urls: Sequence[str]) -> tuple[str, ...]:
    """A name for every deployment; those that go by their URL are numbered where two have the same."""
    plain = [name or slug(url) for name, url in zip(given, urls, strict=True)]
    for name in given:
        if name is not None and plain.count(name) > 1:
            raise pytest.UsageError(f"--deployment-url: two deployments are called {name}")
    return tuple(name if plain.count(name) == 1 else f"{name}-{index + 1}" for index, name in enumerate(plain))


def _url(text: str) -> str:
    # User and password stand before the `@`, tokens behind the `?`: neither is quoted.
    shown = repr(re.sub(r"[?#].*", "", text.rpartition("@")[2], flags=re.DOTALL))
    form = "http://HOST:PORT or https://HOST/PREFIX"
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise pytest.UsageError(f"--deployment-url: {shown} is not of the form {form}") from None
    if parts.scheme not in ("http", "https") or not _HOST.fullmatch(host) or port == 0 or not text.isprintable():
        raise pytest.UsageError(f"--deployment-url: {shown} is not of the form {form}")
    if parts.query or parts.fragment or text.endswith(("?", "#")):
        raise pytest.UsageError(
            f"--deployment-url: {shown} comes with a query or a fragment, to which no path can be added; "
            "give a token as --deployment-header"
        )
    return text


def _assistant(name: str | None) -> str:
    if name is None:
        return "agent"
    if not name.strip():
        raise pytest.UsageError("--deployment-assistant: the name is empty")
    return name


def _headers(lines: Sequence[str], where: str) -> dict[str, str]:
    """Headers by lower-case name; an error names the header, never its value."""
    headers: dict[str, str] = {}
    for line in lines:
        if not line.strip():
            continue
        name, colon, value = line.partition(":")
        name, value = name.strip(), value.strip()
        if not colon or not _HEADER_NAME.fullmatch(name):
            # What is no name may be a token that was given without one.
            raise pytest.UsageError(f"{where}: a header is not of the form 'Name: value'")
        if not value:
            raise pytest.UsageError(f"{where}: the header {name} has no value")
        if not _HEADER_VALUE.fullmatch(value):
            raise pytest.UsageError(f"{where}: the value of {name} has characters that no header can have")
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
        raise pytest.UsageError(f"--conformance-report: {folder} cannot be made: {error.strerror}") from error
    if not writable:
        raise pytest.UsageError(f"--conformance-report: {folder} cannot be written to")
    return folder


def _scale(scale: float | None) -> float:
    if scale is None:
        return 1.0
    if not 0 < scale <= 1000:
        raise pytest.UsageError(f"--conformance-deadline-scale: {scale:g} is not above 0 and at most 1000")
    return scale


def _jobs(given: int | None, *, embedded: bool) -> int:
    if given is None:
        return EMBEDDED_JOBS if embedded else 1
    if not 1 <= given <= 1000:
        raise pytest.UsageError(f"--conformance-jobs: {given} is not between 1 and 1000")
    return given


def _witness_host(host: str | None) -> str | None:
    if host is not None and not _HOST.fullmatch(host):
        raise pytest.UsageError(f"--conformance-witness-host: {host!r} is neither a name nor an address")
    return host
