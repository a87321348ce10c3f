"""STR: the answers to clients that wait for a run, join its stream, or reconnect to it.

Client A created run A. V, W and J are clients that connected later.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from conformance.api import GONE, Purpose, objects
from conformance.judge.check import check
from conformance.judge.expect import Unproven, all_facts, expect
from conformance.judge.messages import read_messages, spell
from conformance.judge.overlap import was_executing
from conformance.judge.play import Exchange, Play
from conformance.judge.shapes import Failure, misfits
from conformance.judge.turns import parts_of
from conformance.judge.watchers import Watcher, streams, watcher, watchers, written
from conformance.scenarios import moves as s
from conformance.transcript.text import common_start, difference, snippet
from conformance.transcript.transcript import AnyMoment, Left, NetworkFault, Released, Request, StreamEvent

FROM_THE_START = "-1"
"""The Last-Event-ID that requests the whole stream."""

CHILD = "research"
"""The node of the probe agent that runs a child graph."""


@check("STR-04")
def join_of_a_finished_run_answers(play: Play) -> None:
    """STR-04: compare the answer to the join of the finished run A with run A's messages."""
    if play.outcome("A") != "success":
        raise Unproven(f"run A did not end `success` but `{play.final_status('A')}`")
    join = watcher(play, "J").exchange
    due = list(parts_of(play.scenario.submit("A")))
    returned = [message.word for message in read_messages(join.body, play.scenario)]
    expect(
        returned == due,
        f"the values of the finished run A in the answer to its join: [{' '.join(due)}]",
        f"[{' '.join(returned)}]" if join.ok else join.outcome(),
        join.sent,
    )


@check("STR-05")
@all_facts
def join_of_an_interrupted_run_returns(play: Play) -> None:
    """STR-05: compare the answer to every join of the interrupted run A with 2xx and values."""
    if play.outcome("A") != "interrupted":
        raise Unproven(f"run A did not end `interrupted` but `{play.final_status('A')}`")
    for join in _joins(play):
        # Any values: which of them an interrupted run returns is documented nowhere. `langgraph dev` may return `{}`.
        expect(
            join.ok and isinstance(join.body, dict) and "__error__" not in join.body,
            "a 2xx answer with values to the join of the interrupted run A",
            _join_outcome(join),
            join.sent,
        )


@check("STR-44")
def late_join_of_a_followed_run(play: Play) -> str:
    """STR-44: report whose values the join of run A returns when run B, which followed it, has ended, too."""
    join = watcher(play, "J").exchange
    if not join.ok:
        raise Unproven(f"the join of run A was not answered with 2xx: {join.outcome()}", join.sent)
    returned = read_messages(join.body, play.scenario)
    if not returned:
        # STR-05 judges the join of an interrupted run that reports an error instead of values.
        raise Unproven("the join of run A returned no message", join.sent)
    if returned == play.messages():
        # A server that ignores `interrupt` may let run A write last, over what run B wrote.
        if {m.label for m in returned} == {"A"}:
            raise Unproven("the state of the thread has nothing of run B, so it is that of run A", join.sent)
        return "the state of the thread"
    # Whichever it is: STR-05 judges that there are values, and AGR-07 that their messages are those of the state.
    return "the values of the run" if {m.label for m in returned} == {"A"} else f"[{spell(returned)}]"


@check("STR-06")
@all_facts
def join_of_a_failed_run_reports_the_error(play: Play) -> None:
    """STR-06: look for `__error__` in the answer to every join of the failed run A, and to the wait for it."""
    if not any(report.outcome == "raised" for report in play.reports("A")):
        raise Unproven("the witness received no report that a step of run A failed")
    # A late join may return the state of the thread when another run has followed (STR-44).
    late = [join for join in _joins(play) if _followed(play, join) and not was_executing(play, "A", join.sent)]
    waits = [each.exchange for each in watchers(play, "A") if each.own and not each.streams]
    judged = [*waits, *(join for join in _joins(play) if join not in late)]
    if not judged:
        raise Unproven("run A was joined only after another run had followed it", *(join.sent for join in late))
    # The official clients raise an exception for `__error__`. Without it, a failure looks like a success.
    for join in judged:
        error = join.body.get("__error__") if isinstance(join.body, dict) else None
        expect(
            isinstance(error, dict),
            "`__error__` in the answer to the join of the failed run A",
            _join_outcome(join),
            join.sent,
        )
        for misfit in misfits(error, Failure, "__error__") if isinstance(error, dict) else ():
            wanted = f"`{misfit.path}` in the answer to the join of the failed run A to be {misfit.wanted}"
            expect(False, wanted, misfit.found, join.sent)


@check("STR-19")
@all_facts
def join_of_a_run_that_is_gone_returns(play: Play) -> None:
    """STR-19: look for a join or wait of the rolled-back run A that was never answered."""
    if play.final_status("A") != GONE:
        raise Unproven(f"run A was not rolled back: its status is `{play.final_status('A')}`")
    waits = [each for each in watchers(play, "A") if not each.streams and each.disconnected is None]
    joins = [*play.exchanges_for("join", "A"), *(each.exchange for each in waits)]
    if not joins:
        raise Unproven("no client waited for run A until it was answered")
    for join in joins:
        # Any status counts. The record of the run is deleted, so a 404 is as right as the last values.
        expect(
            join.response is not None,
            "an answer, with values or HTTP 404, to a client that waits for run A once the run is rolled back",
            _join_outcome(join),
            join.sent,
        )


@check("STR-07")
@all_facts
def every_joiner_gets_everything(play: Play) -> None:
    """STR-07: compare the events that were sent to each of the clients that joined run A's stream."""
    # Both clients joined while the tool was held, so at least the tool's result was still to come for both.
    play.reached("A", "agent:2/token")
    joined = [watcher(play, "V"), watcher(play, "W")]
    for each in joined:
        see = each.exchange.sent
        expect(each.exchange.ok, f"a 2xx answer to client {each.name}, which joins run A", each.exchange.outcome(), see)
    # A client that disconnected early was rightly sent less, and one that was refused nothing.
    stayed = [each for each in joined if each.disconnected is None and each.exchange.ok]
    if not stayed:
        raise Unproven("no client that joined the stream stayed to its end")
    for each in stayed:
        words = [message.word for message in written(each, play)]
        expect(
            "A.result" in words,
            f"A.result in the updates that client {each.name} receives",
            f"[{' '.join(words)}]",
            each.exchange.sent,
        )
    # Without ids: a server may number the events of each connection by itself.
    sent = [[(event.event, event.data) for event in each.events] for each in stayed]
    expect(
        all(events == sent[0] for events in sent),
        "the same events for both clients that joined the stream at the same point",
        f"{len(sent[0])} and {len(sent[-1])} events, equal up to number {common_start(sent[0], sent[-1])}",
        *(each.exchange.sent for each in stayed),
    )


@check("STR-11")
@all_facts
def joiners_see_child_graphs(play: Play) -> None:
    """STR-11: look for updates of the child graph's steps, under its namespace, in the events of each joined client."""
    # Both clients joined during the child graph's first step, so its update was still to come.
    play.reached("A", "search:1/exit")
    tasks = _tasks_of_children(play)
    for name in ("W", "V"):
        joined = watcher(play, name)
        # The events of a child graph carry its namespace after the mode.
        steps = [event for event in joined.events if event.event.startswith("updates|")]
        expect(
            bool(steps),
            f"updates of the child graph's steps (`updates|...`) in the events that client {name} receives",
            f"only `{'`, `'.join(sorted({event.event for event in joined.events}))}`",
            joined.exchange.sent,
        )
        for event in joined.events:
            node, _, task = event.event.partition("|")[2].partition("|")[0].partition(":")
            expect(
                not node or node == CHILD,
                f"the namespace of the node `{CHILD}`, which runs the child graph, in the events of client {name}",
                f"`{event.event}`",
                event.seq,
            )
            # A history need not show its tasks.
            expect(
                not task or not tasks or task in tasks,
                f"the id of a task of `{CHILD}` in the history, {snippet(sorted(tasks))}, in the namespace of the "
                f"events of client {name}",
                f"`{event.event}`",
                event.seq,
            )


def _tasks_of_children(play: Play) -> set[str]:
    """Return the ids of the tasks that ran a child graph, as the history of the thread shows them."""
    # A history that cannot be read names no task. It does not hide that updates are missing.
    entries = [entry for exchange in play.exchanges_for("final history", s.MAIN) for entry in objects(exchange.body)]
    tasks = [task for entry in entries for task in objects(entry.get("tasks"))]
    return {task["id"] for task in tasks if task.get("name") == CHILD and isinstance(task.get("id"), str)}


@check("STR-08")
@all_facts
def replay_has_everything(play: Play) -> None:
    """STR-08: compare the beginning of every replay with the events that the run's own client received."""
    judged = [(own, each) for own, others in _resumed(play) for each in others if each.since == FROM_THE_START]
    if not judged:
        raise Unproven("no client received events that another client replayed")
    for own, replay in judged:
        expect(
            replay.exchange.ok,
            f"a 2xx answer to the replay of run {own.label}'s stream (Last-Event-ID: -1)",
            replay.exchange.outcome(),
            replay.exchange.sent,
        )
        # By id: ids identify the events of a resumable stream (STR-10). The first client may have been disconnected,
        # so its events are only the beginning.
        expect(
            replay.ids[: len(own.ids)] == own.ids,
            f"the {len(own.ids)} events that run {own.label}'s client received at the beginning of the replay",
            f"{len(replay.ids)} events, equal up to number {common_start(own.ids, replay.ids)}",
            own.exchange.sent,
            replay.exchange.sent,
        )
        _expect_same_events(own, replay.events, replay, "the replay")


@check("STR-23")
@all_facts
def resumed_stream_is_exact(play: Play) -> None:
    """STR-23: compare the events of the first connection and of the second, together, with the replay."""
    judged = [(own, each, others) for own, others in _resumed(play) for each in others if each.since == own.name]
    if not judged:
        raise Unproven("no client continued a stream of which it had received events")
    for own, rest, others in judged:
        title = f"client {rest.name}, which resumes run {own.label}'s stream"
        sent = rest.exchange.sent
        expect(rest.exchange.ok, f"a 2xx answer to {title}", rest.exchange.outcome(), sent)
        # The replay is the reference for both connections, and STR-08 judges the replay itself.
        together = [*own.ids, *rest.ids]
        replays = [each for each in others if each.since == FROM_THE_START]
        for replay in replays:
            # Each is complete only if it ended. That it does not end is for STR-09 to judge.
            if together != replay.ids and None in (replay.closed, rest.closed):
                raise Unproven("a stream that is compared was still open at the end of the play", sent)
            expect(
                together == replay.ids,
                f"the remaining {len(replay.ids) - len(own.ids)} of the {len(replay.ids)} events of run {own.label}'s "
                f"stream, after the {len(own.ids)} that were received before",
                f"{len(rest.ids)} events. The two connections together equal the stream up to number "
                f"{common_start(together, replay.ids)}",
                sent,
                replay.exchange.sent,
            )
            _expect_same_events(rest, replay.events[len(own.ids) :], replay, title)
        # Without a replay, only what was sent twice is certain to be wrong.
        again = [one for one in rest.ids if one is not None and one in own.ids]
        expect(bool(replays) or not again, f"no event for {title}, that it had received before", ", ".join(again), sent)


def _expect_same_events(first: Watcher, events: Sequence[StreamEvent], replay: Watcher, title: str) -> None:
    """Raise Broken where a replay has another event under an id. `events` are those that `first` got, too."""
    for one, other in zip(first.events, events, strict=False):
        # The attempt that `metadata` counts may be another one.
        if one.id is None or one.id != other.id or one.event == "metadata":
            continue
        where = "" if one.event != other.event else difference(other.data, one.data, "data")
        expect(
            one.event == other.event and not where,
            f"the same event `{one.event}` under the id {one.id} for both clients of the stream, one of them {title}",
            f"`{other.event}`" if one.event != other.event else f"{where} (replay and first client)",
            first.exchange.sent,
            replay.exchange.sent,
        )


@check("STR-09")
@all_facts
def resumed_stream_ends(play: Play) -> None:
    """STR-09: look for a stream joined with Last-Event-ID that is still open when run A is over."""
    for each in (watcher(play, "V"), watcher(play, "W")):
        expect(
            each.closed is not None,
            f"the stream of the finished run A to end for client {each.name}, which sent Last-Event-ID",
            "it was still open at the end of the play" if each.exchange.ok else each.exchange.outcome(),
            each.exchange.sent,
        )


@check("STR-27")
@all_facts
def late_stream_ends(play: Play) -> None:
    """STR-27: look for a stream of the finished run A that was not answered, or that does not end."""
    for each in (watcher(play, "V"), watcher(play, "W")):
        response = each.exchange.response
        # A refusal, such as 404, is an answer that ends.
        expect(
            response is not None and (each.closed is not None or not response.streamed),
            f"an answer that ends for client {each.name}, which requests the stream of the finished run A",
            each.exchange.outcome() if response is None else "a stream that was still open at the end of the play",
            each.exchange.sent,
        )


@check("STR-10")
@all_facts
def event_ids_are_unique(play: Play) -> None:
    """STR-10: look for a missing or repeated id among the events of every resumable stream."""
    # The answer to a client that joins the stream of a run that is gone is not part of that stream.
    resumable = [each for each in streams(play) if play.scenario.submit(each.label).resumable and each.events]
    judged = [each for each in resumable if each.own or play.final_status(each.label) != GONE]
    if not judged:
        raise Unproven("no client received an event of a resumable stream")
    for each in judged:
        due = f"among the events of run {each.label}'s resumable stream"
        # `end` says that nothing follows, so no client resumes after it.
        nameless = [event for event in each.events if not event.id and event.event != "end"]
        expect(not nameless, f"an id on every event {due}",
               f"`{nameless[0].event}` without an id" if nameless else "", each.exchange.sent)  # fmt: skip
        # Within one connection: a replay sends the same ids again, and has to.
        counted = Counter(event_id for event_id in each.ids if event_id)
        twice = [event_id for event_id, times in counted.items() if times > 1]
        observed = f"{len(twice)} of {len(counted)} ids twice or more: {snippet(' '.join(twice))}"
        expect(not twice, f"every id once {due}", observed, each.exchange.sent)


@check("STR-22")
@all_facts
def plain_join_begins_where_it_joins(play: Play) -> None:
    """STR-22: look in the events of every client that joined a stream for updates of steps that were over before."""
    joins = [each for each in streams(play) if not each.own and each.since is None]
    if not joins:
        raise Unproven("no client joined a stream without Last-Event-ID")
    for joined in joins:
        run, since = play.scenario.submit(joined.label), joined.exchange.sent
        # The steps before one that was entered, which reads their writes. A run that resumes enters a step again.
        # Without a witness, the driver has waited for the writes of the first step.
        entered = sum(trace.enter < since for trace in play.steps(joined.label)) if play.witnessed else 2
        over = parts_of(run)[1 : max(1, entered)] if run.answers is None else ()
        early = [message for message in written(joined, play) if message.word in over]
        expect(
            not early,
            f"no updates from before client {joined.name} joined, since it sent no Last-Event-ID",
            spell(early),
            since,
        )


@check("STR-16")
@all_facts
def wait_returns_its_own_run(play: Play) -> None:
    """STR-16: compare the answer to the wait for run A with 2xx and values, without messages of later runs."""
    # Values are the thread's. Messages from before the run belong in them, and messages of later runs do not.
    labels = [submit.label for submit in play.scenario.submits()]
    later = labels[labels.index("A") + 1 :]
    wait = watcher(play, "A").exchange
    expect(
        wait.ok and isinstance(wait.body, dict) and "__error__" not in wait.body,
        "a 2xx answer with values to the wait for run A",
        _join_outcome(wait),
        wait.sent,
    )
    foreign = [message for message in read_messages(wait.body, play.scenario) if message.label in later]
    expect(not foreign, "no messages of later runs in the answer to the wait for run A", spell(foreign), wait.sent)


@check("STR-28")
@all_facts
def wait_returns_the_final_values(play: Play) -> None:
    """STR-28: compare the answer to every wait with the messages in the state."""
    # In these scenarios the waited run is the thread's last, so its values are the final state. A run that was stopped
    # is judged by STR-16.
    waited = [each for each in _waits(play) if play.outcome(each.label) == "success"]
    if not waited:
        raise Unproven("no run that a client waited for ended `success`")
    due = play.messages()
    for wait in waited:
        returned = read_messages(wait.exchange.body, play.scenario)
        expect(
            returned == due,
            f"the messages of the state in the answer to the wait for run {wait.label}: [{spell(due)}]",
            f"[{spell(returned)}]" if wait.exchange.ok else wait.exchange.outcome(),
            wait.exchange.sent,
            play.last("final state", s.MAIN).sent,
        )


@check("STR-29")
@all_facts
def no_answer_before_the_end(play: Play) -> None:
    """STR-29: look for an answer to a join or wait that was sent while run A was held."""
    # A held run cannot be over until a request or a release ends its hold, so an answer before that is too early.
    held = play.reached("A", play.scenario.submit("A").hold[0])
    ending = next((m.seq for m in play.moments if m.seq > held and _may_end_the_hold(m)), len(play.moments))
    waits = [each.exchange for each in watchers(play, "A") if not each.streams]
    for wait in (*waits, *play.exchanges_for("join", "A")):
        expect(
            wait.sent > ending or wait.response is None or wait.response.seq > ending,
            "no answer to a client that waits for run A while the run is held",
            f"{wait.outcome()} before the hold of run A ended",
            wait.sent,
            held,
        )


@check("STR-30")
@all_facts
def answers_name_their_run(play: Play) -> None:
    """STR-30: compare the Content-Location of every stream and wait with the id of its run."""
    judged = [each for each in watchers(play, "A") + watchers(play, "B") if each.own and each.exchange.ok]
    if not judged:
        raise Unproven("no run was created through stream or wait")
    for each in judged:
        header = "" if each.exchange.response is None else each.exchange.response.headers.get("content-location", "")
        # Not `play.run_id`, which may have been read from this header.
        run_id = next((report.run_id for report in play.reports(each.label) if report.run_id), "")
        expect(
            "/runs/" in header and header.rstrip("/").endswith(run_id),
            f"a Content-Location header that names run {each.label}: .../runs/{run_id or 'RUN_ID'}",
            f"`{header}`" if header else "no such header",
            each.exchange.sent,
        )


def _may_end_the_hold(moment: AnyMoment) -> bool:
    """Return whether a moment may end the hold of run A."""
    # A later run may supersede A, and a client that disconnects, or whose connection breaks, may cancel it.
    if isinstance(moment, Request):
        purposes: tuple[Purpose, ...] = ("submit", "cancel")
        return moment.purpose in purposes
    return isinstance(moment, Released | Left | NetworkFault)


def _waits(play: Play) -> list[Watcher]:
    """Return the clients that created a run through `wait`."""
    labels = [submit.label for submit in play.scenario.submits()]
    return [each for label in labels for each in watchers(play, label) if each.own and not each.streams]


def _joins(play: Play) -> list[Exchange]:
    """Return every `join` of run A."""
    # The driver itself waits for the end of a run with a join. The others are the clients of the scenario.
    late = [each.exchange for each in watchers(play, "A") if not each.streams and not each.own]
    return [play.last("join", "A"), *late]


def _followed(play: Play, join: Exchange) -> bool:
    """Return whether another run was created on the thread before a join was answered."""
    others = [play.submission(submit.label) for submit in play.scenario.submits() if submit.label != "A"]
    return any(other.sent < (join.over or len(play.moments)) for other in others)


def _resumed(play: Play) -> Iterator[tuple[Watcher, list[Watcher]]]:
    """Yield the client that created a run with a resumable stream, and those that continued or replayed the stream.

    A client that disconnects before the end has read only a part. The stream of a run that is gone may be gone, too.
    """
    for submit in play.scenario.submits():
        found = watchers(play, submit.label) if submit.resumable else []
        own = next((each for each in found if each.own and each.events), None)
        others = [each for each in found if each.since is not None and each.disconnected is None]
        if own is not None and others and play.final_status(submit.label) != GONE:
            yield own, others


def _join_outcome(join: Exchange) -> str:
    """Return the result of a join in a few words."""
    if join.ok and isinstance(join.body, dict):
        return "`__error__`" if "__error__" in join.body else f"values with the channels {snippet(sorted(join.body))}"
    # Only a 2xx has a body here. Its status would not say what is wrong.
    found = "no values" if join.body is None else f"`{snippet(join.body, 80)}` in place of values"
    return f"{join.outcome()} with {found}" if join.ok else join.outcome()
