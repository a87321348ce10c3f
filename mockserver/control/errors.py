"""The errors of commands, which the control API, `MockDeployment` and the fixtures raise alike."""

from __future__ import annotations


class ControlError(Exception):
    """An impossible command. The text states the reason and the possible values."""


class UsageError(ControlError, ValueError):
    """A command with a name or a value that has no meaning. The text states the nearest right one and those that are.

    It is raised where the command is given, before anything is done. `over_http` is the text for the control API, where
    the advice is not in Python.
    """

    def __init__(self, text: str, *, over_http: str | None = None) -> None:
        super().__init__(text)
        self.over_http = text if over_http is None else over_http


class DeadlineError(ControlError):
    """A wait that did not succeed: its deadline passed, or what it waits for can no longer happen.

    The text states what is true instead.
    """


class BlockedLoopError(ControlError, RuntimeError):
    """A wait that would block the event loop of the test that calls it."""
