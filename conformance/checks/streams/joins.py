"""STR: what is told to those who wait for a run, join its stream, or come back to it."""

from __future__ import annotations

from collections.abc import Sequence

from conformance.api import Purpose
from conformance.judge.check import check
from conformance.judge.expect import Unproven, expect
from conformance.judge.messages import read_messages, spell
from conformance.judge.play import Exchange, Play
from conformance.judge.turns import parts_of
from conformance.judge.watchers import Watcher, watcher, watchers, written
from conformance.scenarios import moves as s
from conformance.transcript.transcript import AnyMoment, Left, NetworkFault, Released, Request


@check("STR-04")
def join_of_a_finished_run_answers(play: Play) -> None:
    """STR-04: compare the answer to the join of the finished run A with the values that it left."""
    if play.final_status("A") != "success":
        raise Unproven(f"run A did not end `success` but `{play.final_status('A')}`")
    join = watcher(play, "J").exchange
    due = list(parts_of(play.scenario.submit("A")))
    told = [message.word for message in read_messages(join.body, play.scenario)]
    expect(
        told == due,
        f"join of the finished run A to answer with its values, [{' '.join(due)}]",
        f"[{' '.join(told)}]" if join.ok else join.outcome(),
        join.sent,
    )


@check("STR-05")
def join_of_an_interrupted_run_returns(play: Play) -> None:
    """STR-05: compare the answer to every join of the interrupted run A with 2xx and values."""
    if play.final_status("A") != "interrupted":
        raise Unproven(f"run A did not end `interrupted` but `{play.final_status('A')}`")
    for join in _joins(play):
        expect(
            join.ok and isinstance(join.body, dict) and "__error__" not in join.body,
            "join of the interrupted run A to answer 2xx with values",
            _join_outcome(join),
            join.sent,
        )


@check("STR-06")
def join_of_a_failed_run_tells_the_error(play: Play) -> None:
    """STR-06: look for `__error__` in the answer to every join of the failed run A."""
    if not any(report.outcome == "raised" for report in play.reports("A")):
        raise Unproven("the witness did not see a step of run A fail")
    for join in _joins(play):
        error = join.body.get("__error__") if isinstance(join.body, dict) else None
        expect(
            isinstance(error, dict),
            "join of the failed run A to answer with `__error__`",
            _join_outcome(join),
            join.sent,
        )


@check("STR-19")
def join_of_a_run_that_is_gone_returns(play: Play) -> None:
    """STR-19: look for a join or wait of the rolled-back run A that was never answered."""
    if play.final_status("A") != "gone":
        raise Unproven(f"run A was not rolled back but is `{play.final_status('A')}`")
    waits = [each.exchange for each in watchers(play, "A") if each.own and not each.streams]
    for join in (*_joins(play), *waits):
        expect(
            join.response is not None,
            f"{join.request.purpose} of run A to end, with values or 404, when the run is rolled back",
            _join_outcome(join),
            join.sent,
        )


@check("STR-07")
def every_joiner_gets_everything(play: Play) -> None:
    """STR-07: compare the events that were sent to each of the clients that joined run A's stream.

    Both came while the tool was held. The tool's result, at least, was still to come.
    """
    play.reached("A", "agent:2/token")
    joined = [watcher(play, "V"), watcher(play, "W")]
    for each in joined:
        see = each.exchange.sent
        expect(each.exchange.ok, f"client {each.name} to be let into the stream of run A", each.exchange.outcome(), see)
    stayed = [each for each in joined if each.disconnected is None]
    for each in stayed:
        words = [message.word for message in written(each, play)]
        expect(
            "A.result" in words,
            f"A.result in the updates that client {each.name} is sent",
            f"[{' '.join(words)}]",
            each.exchange.sent,
        )
    sent = [[(event.event, event.data) for event in each.events] for each in stayed]
    expect(
        all(events == sent[0] for events in sent),
        "the same events for both clients that joined the stream at the same point",
        f"{len(sent[0])} and {len(sent[-1])} events, the same up to number {_common(sent[0], sent[-1])}",
        *(each.exchange.sent for each in stayed),
    )


@check("STR-11")
def joiners_see_child_graphs(play: Play) -> None:
    """STR-11: look for updates of the child graph's steps in what each joined client was sent.

    Both joined in the child graph's first step, which was still to be over. Its events carry a namespace.
    """
    play.reached("A", "search:1/exit")
    for name in ("W", "V"):
        joined = watcher(play, name)
        steps = [event for event in joined.events if event.event.startswith("updates|")]
        expect(
            bool(steps),
            f"updates of the child graph's steps, `updates|…`, in what client {name} is sent",
            f"only `{'`, `'.join(sorted({event.event for event in joined.events}))}`",
            joined.exchange.sent,
        )


@check("STR-08")
def replay_has_everything(play: Play) -> None:
    """STR-08: compare the beginning of the replay with the events that run A's own client was sent."""
    own, replay = watcher(play, "A"), watcher(play, "W")
    expect(
        replay.exchange.ok, "the stream of run A from its beginning", replay.exchange.outcome(), replay.exchange.sent
    )
    if not own.events:
        raise Unproven("the client that asked for run A was sent nothing", own.exchange.sent)
    expect(
        replay.ids[: len(own.ids)] == own.ids,
        f"the {len(own.ids)} events that run A's client had been sent at the beginning of the replay",
        f"{len(replay.ids)} events, the same up to number {_common(own.ids, replay.ids)}",
        own.exchange.sent,
        replay.exchange.sent,
    )


@check("STR-23")
def resumed_stream_is_exact(play: Play) -> None:
    """STR-23: compare what the first connection and the second were sent, together, with the replay."""
    own, rest, replay = watcher(play, "A"), watcher(play, "V"), watcher(play, "W")
    expect(rest.exchange.ok, "the rest of run A's stream", rest.exchange.outcome(), rest.exchange.sent)
    together = [*own.ids, *rest.ids]
    expect(
        together == replay.ids,
        f"the rest of the {len(replay.ids)} events of run A's stream, after the {len(own.ids)} that were sent before",
        f"{len(rest.ids)} events; together the same up to number {_common(together, replay.ids)}",
        rest.exchange.sent,
        replay.exchange.sent,
    )


@check("STR-09")
def resumed_stream_ends(play: Play) -> None:
    """STR-09: look for a stream joined with Last-Event-ID that is still open when run A is over."""
    for each in (watcher(play, "V"), watcher(play, "W")):
        expect(
            each.closed is not None,
            f"the stream of run A, which is over, to end for client {each.name} that came with Last-Event-ID",
            "it was still open when all was over" if each.exchange.ok else each.exchange.outcome(),
            each.exchange.sent,
        )


@check("STR-27")
def late_stream_ends(play: Play) -> None:
    """STR-27: look for a stream of the finished run A that was not answered, or that does not end."""
    for each in (watcher(play, "V"), watcher(play, "W")):
        response = each.exchange.response
        expect(
            response is not None and (each.closed is not None or not response.streamed),
            f"client {each.name}, which asks for the stream of run A when the run is over, to get an answer that ends",
            each.exchange.outcome() if response is None else "a stream that was still open when all was over",
            each.exchange.sent,
        )


@check("STR-10")
def event_ids_are_unique(play: Play) -> None:
    """STR-10: look for a missing or repeated id among the events of run A's resumable stream."""
    for each in watchers(play, "A"):
        nameless = [event for event in each.events if not event.id]
        expect(not nameless, "an id on every event of run A's resumable stream",
               f"`{nameless[0].event}` without one" if nameless else "", each.exchange.sent)  # fmt: skip
        twice = sorted({str(event_id) for event_id in each.ids if each.ids.count(event_id) > 1})
        expect(not twice, "no two events of run A's resumable stream with the same id", f"{' '.join(twice)} twice",
               each.exchange.sent)  # fmt: skip


@check("STR-22")
def plain_join_begins_where_it_joins(play: Play) -> None:
    """STR-22: look in what client V was sent for updates that were written before it joined.

    A's first step was over before the client came.
    """
    joined = watcher(play, "V")
    if not joined.exchange.ok:
        raise Unproven(f"the stream of run A was not joined: {joined.exchange.outcome()}", joined.exchange.sent)
    early = [message for message in written(joined, play) if message.word == "A.call"]
    expect(
        not early,
        "nothing in the updates that was written before client V joined",
        spell(early),
        joined.exchange.sent,
    )


@check("STR-16")
def wait_tells_the_own_run(play: Play) -> None:
    """STR-16: compare the answer to the wait for run A with 2xx and values, without messages of later runs.

    Values are the thread's, so what was written before the run is in them, and what came after it is not.
    """
    labels = [submit.label for submit in play.scenario.submits()]
    later = labels[labels.index("A") + 1 :]
    wait = watcher(play, "A").exchange
    expect(
        wait.ok and isinstance(wait.body, dict) and "__error__" not in wait.body,
        "the wait for run A to answer 2xx with values",
        _join_outcome(wait),
        wait.sent,
    )
    foreign = [message for message in read_messages(wait.body, play.scenario) if message.label in later]
    expect(not foreign, "only what run A had left in the answer to its wait", spell(foreign), wait.sent)


@check("STR-28")
def wait_tells_what_the_run_left(play: Play) -> None:
    """STR-28: compare the answer to every wait with the messages in the state.

    The waited run is the thread's last, so what it left is the state.
    """
    waited = [each for each in _waits(play) if play.final_status(each.label) == "success"]
    if not waited:
        raise Unproven("no run that was waited for succeeded")
    due = play.messages()
    for wait in waited:
        told = read_messages(wait.exchange.body, play.scenario)
        expect(
            told == due,
            f"the wait for run {wait.label} to answer with the messages that the state has: {spell(due)}",
            spell(told) if wait.exchange.ok else wait.exchange.outcome(),
            wait.exchange.sent,
            play.last("final state", s.MAIN).sent,
        )


@check("STR-29")
def nobody_is_answered_before_the_end(play: Play) -> None:
    """STR-29: look for an answer to a join or wait that came while run A was held.

    A is held from its first hold on, so until something is done about it it cannot be over.
    """
    held = play.reached("A", play.scenario.submit("A").hold[0])
    acted = next((m.seq for m in play.moments if m.seq > held and _acts(m)), len(play.moments))
    waits = [each.exchange for each in watchers(play, "A") if not each.streams]
    for wait in (*waits, *play.exchanges_for("join", "A")):
        expect(
            wait.sent > acted or wait.response is None or wait.response.seq > acted,
            "no answer to those who wait for run A while it is held",
            f"{wait.outcome()} before anything was done about run A",
            wait.sent,
            held,
        )


@check("STR-30")
def answers_name_their_run(play: Play) -> None:
    """STR-30: compare the Content-Location of every stream and wait with the id of its run."""
    asked = [each for each in watchers(play, "A") + watchers(play, "B") if each.own and each.exchange.ok]
    if not asked:
        raise Unproven("no run was asked for through stream or wait")
    for each in asked:
        told = "" if each.exchange.response is None else each.exchange.response.headers.get("content-location", "")
        # Not `play.run_id`, which may have been learnt from this very header.
        run_id = next((report.run_id for report in play.reports(each.label) if report.run_id), "")
        expect(
            "/runs/" in told and told.rstrip("/").endswith(run_id),
            f"a Content-Location header that names run {each.label}, …/runs/{run_id}",
            told or "no such header",
            each.exchange.sent,
        )


def _acts(moment: AnyMoment) -> bool:
    """Whether a moment may end the hold of run A, which was asked for before it was held."""
    if isinstance(moment, Request):
        acts: tuple[Purpose, ...] = ("submit", "cancel")
        return moment.purpose in acts
    return isinstance(moment, Released | Left | NetworkFault)


def _waits(play: Play) -> list[Watcher]:
    """The clients that asked for a run and waited for it."""
    labels = [submit.label for submit in play.scenario.submits()]
    return [each for label in labels for each in watchers(play, label) if each.own and not each.streams]


def _joins(play: Play) -> list[Exchange]:
    """Every `join` of run A: by the driver, which waits for the run so, and by clients that came late."""
    late = [each.exchange for each in watchers(play, "A") if not each.streams and not each.own]
    return [play.last("join", "A"), *late]


def _common(first: Sequence[object], second: Sequence[object]) -> int:
    """How many entries two lists share at the beginning."""
    return next(
        (i for i, (a, b) in enumerate(zip(first, second, strict=False)) if a != b), min(len(first), len(second))
    )


def _join_outcome(join: Exchange) -> str:
    if join.ok and isinstance(join.body, dict):
        return "`__error__`" if "__error__" in join.body else f"values of {len(join.body)} channels"
    return join.outcome()
