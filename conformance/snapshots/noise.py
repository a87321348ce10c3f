"""The noise that a snapshot leaves out, by named rules: values that a server is free to choose, or that it repeats.

A rule is a list of patterns for the dotted path of a value (`history.*.metadata.langgraph_version`). A value that no
rule matches is in the snapshot.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from fnmatch import fnmatchcase


@dataclass(frozen=True)
class NoiseRule:
    """One kind of noise: its name, a description, and the patterns of the paths that it covers."""

    name: str
    about: str
    patterns: tuple[str, ...]


RULES = (
    NoiseRule(
        "times",
        # Left out without loss: `render` states when the order of the times contradicts the order of a list.
        "when something happened: the lists show the order, and a contradiction between them and the times is reported",
        ("*created_at", "*updated_at", "*.expires_at", "*.ttl*"),
    ),
    NoiseRule(
        "bookkeeping",
        "a server's own records: its versions, its host, the user",
        (
            "*.metadata.langgraph_*", "*.metadata.created_by", "*.metadata.user_id", "*.metadata.run_attempt",
            "*.metadata.thread_id", "*.metadata.assistant_id", "*.metadata.graph_id", "*.metadata.__*",
            "*.metadata.checkpoint_ns", "*.metadata.executionInfo*", "*.langsmith_session_name", "*.langsmith_tracing",
            "thread.config*", "*.metadata.user-agent", "*.metadata.ls_integration",
            "*.metadata.versions*", "*.metadata.writes*",
        ),
    ),
    NoiseRule(
        "request",
        "the request as the server keeps it with the run, except its input",
        ("runs.*.kwargs.config*", "runs.*.kwargs.context*", "runs.*.kwargs.metadata*", "runs.*.kwargs.stream_mode*",
         "runs.*.kwargs.interrupt_*", "runs.*.kwargs.webhook", "runs.*.kwargs.feedback_keys", "runs.*.kwargs.temporary",
         "runs.*.kwargs.subgraphs", "runs.*.kwargs.resumable", "runs.*.kwargs.checkpoint_during",
         "runs.*.kwargs.durability", "runs.*.kwargs.on_*", "runs.*.kwargs.command"),
    ),
    NoiseRule(
        "suite",
        "fields that this suite adds to its own requests",
        ("*.metadata.doubletext*", "*.metadata.probe*", "*.configurable*"),
    ),
    NoiseRule(
        "repeated",
        "values that another field has in another form: flat ids beside nested ones, the parents of namespaces",
        ("*.checkpoint_id", "*.parent_checkpoint_id", "*.thread_id", "*.checkpoint_ns", "*.checkpoint_map*",
         "*.metadata.parents*", "*.assistant_id", "*.metadata.run_id", "*.parent_config*"),
    ),
    NoiseRule("task-ids", "the ids of tasks, which nothing refers to", ("*.tasks.*.id", "*.tasks.*.path*")),
)  # fmt: skip
"""Every rule. `render(keep=...)` switches one off by its name."""


def is_noise(path: str, keep: Collection[str] = ()) -> bool:
    """Return whether a rule that is not in `keep` matches this path."""
    return any(fnmatchcase(path, pattern) for rule in RULES if rule.name not in keep for pattern in rule.patterns)


def check_names(keep: Collection[str]) -> None:
    """Raise ValueError for a name that is not the name of a rule."""
    known = [rule.name for rule in RULES]
    if strange := sorted(set(keep) - set(known)):
        raise ValueError(f"no noise rule has the name {', '.join(strange)}; use one of {', '.join(known)}")
