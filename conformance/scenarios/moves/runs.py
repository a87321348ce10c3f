"""Requests that create runs or end them, valid and invalid."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from conformance.scenarios.kind import Kind, Traits, setting, settings
from conformance.scenarios.moves.names import (
    MAIN,
    ON_THREAD,
    UNKNOWN_RUN,
    Endpoint,
    Mistake,
    Strategy,
    StreamMode,
    nodes,
)
from doubletext.probe import OnCancel, Version, Work


class Submit(Kind, frozen=True, kw_only=True, tag="submit", omit_defaults=True):
    """Create run `label`, with `text` as the human message.

    A field of the request that is None or empty is not sent.
    """

    traits = Traits(passive=False, quiet=False, may_end=True, changes="submit", by_hand=True)

    label: str
    text: str
    message_id: str | None = None
    """The id of the human message. React's client sends one, so that it can show the message before it is stored."""

    strategy: Strategy | None = None
    endpoint: Endpoint = "create"

    watch: bool = False
    """A further client joins the run."""

    hold: tuple[str, ...] = ()
    """The points at which the run is held. This field and the next four are keys of its probe."""

    fail: tuple[str, ...] = ()
    interrupt: tuple[str, ...] = ()
    on_cancel: OnCancel = "stop"
    work: Work = "tools"

    answers: str | None = None
    """The label of a parked run. Instead of input, the request carries a `command.resume` for its `interrupt()`.

    `text` is then the text of that run.
    """

    resume_value: Any = None
    """The answer to the question, in place of a text that has no meaning."""

    by_id: bool = False
    """The resume value is an object with an answer for the id of each open question, as the state showed them last."""

    partly: bool = False
    """Only the first of the open questions is answered."""

    stop_before: tuple[str, ...] = ()
    stop_after: tuple[str, ...] = ()
    """The nodes in `interrupt_before` and `interrupt_after`. `("*",)` is sent as `"*"`, which stands for all nodes."""

    durability: Literal["sync", "async", "exit"] | None = None

    stream_mode: tuple[StreamMode, ...] = ()
    """Empty stands for `values` and `updates` on the stream endpoint."""

    resumable: bool = False
    subgraphs: bool = False
    on_disconnect: Literal["cancel", "continue"] | None = None

    gzip: bool = False
    """The client accepts an answer in gzip, as browsers and SDKs do. No other request of the suite does."""

    reads: bool = True
    """False if the client that created the run reads the first event of its stream, and no more until a `ReadOn`."""

    from_step: str | None = None
    """Continue from the checkpoint at which this was the newest entry of `steps`, in the history that was read last."""

    checkpoint_by_id: bool = False
    """The checkpoint is named by the field `checkpoint_id`, as the clients of the SDKs may, and not by `checkpoint`."""

    continues: bool = False
    """The request has no input and no command, so that the run continues with what is next at the checkpoint.

    `text` is then the text of the run that wrote the checkpoint.
    """

    recursion_limit: int | None = None

    goto: str | None = None
    """A node. Instead of input, the request carries a command that adds the text to the state and starts this node."""

    after_seconds: float | None = None
    if_not_exists: Literal["create", "reject"] | None = None
    on_completion: Literal["delete", "keep"] | None = None

    webhook: Literal["heard", "failing"] | None = None
    """Send the URL of the suite's own webhook listener, which answers with success, or with 500 if `failing`."""

    thread: str = MAIN

    show: bool = False
    """The agent reports what it was given, which needs version 3 of the probe contract."""

    configurable: dict[str, Any] = msgspec.field(default_factory=dict)
    """Further entries of the run's configurable. The agent shows those whose names begin with `doubletext_`."""

    by_context: bool = False
    """The probe and the further entries are sent in the run's `context`, and there is no configurable."""

    contract: Version = 1
    """The version of the probe contract that the agent must know, even if the run needs less."""

    @property
    def probe_version(self) -> Version:
        """The lowest version of the probe contract that suffices, so that older agents can play most scenarios."""
        needed: Version = 4 if self.by_context else 3 if self.show else 1 if self.work == "tools" else 2
        return max(needed, self.contract)

    @property
    def steered(self) -> bool:
        """True if the run has to do something that only the probe agent can do."""
        return bool(self.fail or self.interrupt or self.answers or self.on_cancel != "stop" or self.probe_version > 1)

    def describe(self) -> str:
        texts = (
            self.endpoint,
            # Shown, because different requirements judge the two cases. `null` would be a third one.
            setting("multitask_strategy", self.strategy) or "no multitask_strategy",
            ON_THREAD.get(self.thread, f"on thread {self.thread}"),
            # The hold comes before the rarer settings: it is the point of most submits.
            f"hold at {' and '.join(self.hold)}" if self.hold else None,
            f"fails in {' and '.join(self.fail)}" if self.fail else None,
            f"parked by an interrupt in {' and '.join(self.interrupt)}" if self.interrupt else None,
            setting("on_cancel", None if self.on_cancel == "stop" else self.on_cancel),
            setting("work", None if self.work == "tools" else self.work),
            self.answers and f"resumes run {self.answers}" + ", each question by its id" * self.by_id,
            "only the first question" if self.partly else None,
            setting("resume", self.resume_value),
            setting("the message's id", self.message_id),
            setting("context" if self.by_context else "configurable", self.configurable or None),
            f"needs version {self.contract} of the probe contract" if self.contract > 1 else None,
            "the agent reports what it was given" if self.show else None,
            setting("interrupt_before", nodes(self.stop_before)),
            setting("interrupt_after", nodes(self.stop_after)),
            setting("durability", self.durability),
            setting("stream_mode", self.stream_mode),
            setting("stream_resumable", self.resumable or None),
            setting("stream_subgraphs", self.subgraphs or None),
            setting("on_disconnect", self.on_disconnect),
            "accepts gzip" * self.gzip,
            None if self.reads else "its client stops reading after the first event",
            self.from_step and f"from the checkpoint of {self.from_step}" + ", by its id" * self.checkpoint_by_id,
            "without input" * self.continues,
            self.goto and f"a command that adds the text and goes to {self.goto}",
            setting("recursion_limit", self.recursion_limit),
            setting("after_seconds", self.after_seconds),
            setting("if_not_exists", self.if_not_exists),
            setting("on_completion", self.on_completion),
            "with a webhook" if self.webhook == "heard" else None,
            "with a webhook that answers 500" if self.webhook == "failing" else None,
            "with a client in join" if self.watch else None,
        )
        return f"submit run {self.label}" + settings(*texts)

    def may_end(self, label: str, thread: str, *, cancels_on_disconnect: bool) -> bool:
        # The other strategies never end a run in flight, and a strategy only applies to the runs of its own thread.
        return self.strategy in ("interrupt", "rollback") and self.thread == thread


class Cancel(Kind, frozen=True, kw_only=True, tag="cancel", omit_defaults=True):
    """Cancel run `label`. The run of the label UNKNOWN_RUN does not exist.

    `wait` and `action` are query parameters, and None is not sent. If `patient`, continue with the next move before
    the answer arrives. If `unless_begun`, cancel only if no step of the run was reported.
    """

    traits = Traits(passive=False, quiet=False, may_end=True, changes="cancel", by_hand=True)

    label: str
    wait: bool | None = None
    action: str | None = None
    patient: bool = False
    unless_begun: bool = False

    def describe(self) -> str:
        run = "a run that does not exist" if self.label == UNKNOWN_RUN else f"run {self.label}"
        texts = (
            setting("wait", self.wait),
            setting("action", self.action),
            "not waiting for the answer" * self.patient,
            "unless it has begun" * self.unless_begun,
        )
        return f"cancel {run}" + settings(*texts)

    def may_end(self, label: str, thread: str, *, cancels_on_disconnect: bool) -> bool:
        # With either action: `interrupt` ends the run, and `rollback` deletes it.
        return self.label == label


class CancelMany(Kind, frozen=True, kw_only=True, tag="cancel-many"):
    """Cancel several runs of this play's thread in one request, by their ids."""

    traits = Traits(passive=False, quiet=False, may_end=True, changes="cancel many", by_hand=False)

    labels: tuple[str, ...]

    def describe(self) -> str:
        return f"cancel run{'s' if len(self.labels) > 1 else ''} {' and '.join(self.labels)} in one request"

    def may_end(self, label: str, thread: str, *, cancels_on_disconnect: bool) -> bool:
        return label in self.labels


class Batch(Kind, frozen=True, kw_only=True, tag="batch"):
    """Create several runs without a thread in one request. Their labels and texts are pairs."""

    traits = Traits(passive=False, quiet=False, may_end=False, changes="batch", by_hand=False)

    runs: tuple[tuple[str, str], ...]

    def describe(self) -> str:
        return f"create runs {' and '.join(label for label, _ in self.runs)} in one request"


class Delete(Kind, frozen=True, kw_only=True, tag="delete", omit_defaults=True):
    """Delete run `label`, or the whole thread if there is no label."""

    traits = Traits(passive=False, quiet=False, may_end=True, changes="delete", by_hand=False)

    label: str | None = None

    def describe(self) -> str:
        return "delete the thread" if self.label is None else f"delete run {self.label}"

    def may_end(self, label: str, thread: str, *, cancels_on_disconnect: bool) -> bool:
        # Without a label the thread is deleted, and with it every run.
        return self.label in (None, label)


class Ask(Kind, frozen=True, kw_only=True, tag="ask", omit_defaults=True):
    """Send one wrong or odd request unchanged, bypassing the client. `what` names it, uniquely in its scenario.

    `path` and the content may contain the placeholders `{main}`, `{other}` and `{missing}` (threads), `{nobody}` (the
    unknown run) and the labels of runs. `order` is merged into a correct request for a run, and `without` removes
    fields from that. Otherwise `body` is sent as JSON, or `text` unchanged.
    """

    traits = Traits(passive=False, quiet=False, may_end=False, changes="ask", by_hand=False)

    fault: Mistake
    what: str
    method: Literal["GET", "POST", "PATCH", "DELETE"]
    path: str
    order: dict[str, Any] | None = None
    without: tuple[str, ...] = ()
    body: Any = None
    text: str | None = None

    def describe(self) -> str:
        return f"send {self.what}"
