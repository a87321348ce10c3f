"""AGR: the answers about a whole thread, at rest and as long as it is there."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from itertools import pairwise

from conformance.api import TERMINAL, objects
from conformance.checks.agreement.contradictions import Contradiction, expect_none, may_have_results, require_rest
from conformance.judge.check import check
from conformance.judge.expect import Unproven
from conformance.judge.objects import Shown, of_each, shown
from conformance.judge.play import Exchange, Play, status_text
from conformance.judge.premises import SETTLED, of_another_thread
from conformance.scenarios import moves as s
from conformance.transcript.text import difference, snippet

STILL = ("status", "values", "interrupts", "config", "updated_at", "state_updated_at")
"""The fields of a thread that change only with a run or an update."""


@check("AGR-06", premises=(SETTLED,))
def thread_agrees_at_rest(play: Play) -> None:
    """AGR-06: compare the thread with its state and its list of runs with each run, when everything is over."""
    require_rest(play)
    expect_none(_at_rest(play), "two answers about a thread at rest to agree")


def _at_rest(play: Play) -> Iterator[Contradiction]:
    yield from _thread_and_state(play)
    threads = [one for one in shown(play, "thread") if one.id == play.transcript.threads.get(s.MAIN)]
    yield from _still(play, threads)
    yield from _flickering(play, threads)
    listed = of_each([one for one in shown(play, "run") if one.purpose == "final runs"])
    for one in shown(play, "run"):
        if one.purpose == "final run" and one.id in listed:
            entry, what = listed[one.id][-1], f"run {one.about.removeprefix('run ')} in GET and in the list"
            yield from _differences(one, entry, sorted(one.value.keys() & entry.value.keys()), what)


def _thread_and_state(play: Play) -> Iterator[Contradiction]:
    final, state = play.last("final thread", s.MAIN), play.last("final state", s.MAIN)
    thread = final.body if isinstance(final.body, dict) else {}
    if not isinstance(state.body, dict):
        return
    # PST-08 and RBK-09 judge the values of a thread on which a run was superseded.
    judged = play.scenario.id.startswith(("interrupt/", "rollback/")) or may_have_results(state.body)
    if not judged and thread.get("values") is not None and thread["values"] != state.body.get("values"):
        where = difference(thread["values"], state.body.get("values"), "values")
        yield Contradiction(
            "`values` of the thread", "those of its state", f"{where} (thread and state)", (final.sent, state.sent)
        )
    due = state.body.get("interrupts")
    if isinstance(thread.get("interrupts"), dict) and isinstance(due, list):
        asked = [one for found in thread["interrupts"].values() for one in objects(found)]
        ids = [task["id"] for task in objects(state.body.get("tasks")) if task.get("id") is not None]
        foreign = [name for name, found in thread["interrupts"].items() if found and ids and name not in ids]
        if foreign:
            yield Contradiction(
                "the keys of `interrupts` of the thread",
                f"the ids of tasks of its state, `{', '.join(sorted(map(snippet, ids)))}`",
                f"`{', '.join(foreign)}`",
                (final.sent, state.sent),
            )
        if sorted(map(_canonical, asked)) != sorted(map(_canonical, due)):
            yield Contradiction(
                "`interrupts` of the thread",
                f"those of its state, `{snippet(due)}`",
                f"`{snippet(asked)}`",
                (final.sent, state.sent),
            )


def _canonical(value: object) -> str:
    """Return a value as JSON in which the order of its keys, which says nothing, is always the same."""
    return json.dumps(value, sort_keys=True)


def _still(play: Play, threads: list[Shown]) -> Iterator[Contradiction]:
    """Yield what differs between answers about the thread after its last run was over."""
    mine = [submit.label for submit in play.scenario.submits() if _may_have_begun(play.submission(submit.label))]
    over = max((play.ended(label) for label in mine), default=None)
    # THR-08 judges how soon the thread shows that its last run is over.
    rest = [one for one in threads if over is not None and one.sent > over and one.get("status") != "busy"]
    # The run of a wait that no move submits, such as that of a page, is over when the wait is answered.
    others = [exchange for exchange in play.exchanges if not exchange.reads]
    last = max((one.sent if one.response is None else one.response.seq for one in others), default=0)
    for before, after in pairwise(rest):
        if before.sent > last:
            yield from _differences(before, after, STILL, "the thread after its last run")


def _flickering(play: Play, threads: list[Shown]) -> Iterator[Contradiction]:
    """Yield each status that one answer shows of a thread at rest, and neither the answer before nor the one after."""
    # The runs of a cron begin when no record shows it.
    if any(isinstance(move, s.CreateCron) for move in play.scenario.moves):
        return
    created = {submit.label: play.submission(submit.label) for submit in play.scenario.submits()}
    busy = [(exchange.sent, play.ended(label)) for label, exchange in created.items() if _may_have_begun(exchange)]
    busy += [(one.sent, one.response.seq) for one in play.exchanges if not one.reads and one.response is not None]
    for odd in threads:
        # Two requests at a time have no order.
        before = next((one for one in reversed(threads) if one.received < odd.sent), odd)
        after = next((one for one in threads if one.sent > odd.received), odd)
        # A row may lag behind once. It does not return to what it was.
        if all(end < before.sent or begin > after.received for begin, end in busy):
            status = before.get("status")
            if status == after.get("status") != odd.get("status"):
                what, see = "`status` of the thread at rest", (before.received, odd.received)
                yield Contradiction(
                    what, f"`{snippet(status)}` as before and after", f"`{snippet(odd.get('status'))}`", see
                )


def _may_have_begun(creation: Exchange) -> bool:
    """Return whether a request may have created a run. That of a client that disconnected has no answer."""
    return creation.ok or creation.response is None


def _differences(first: Shown, other: Shown, names: Iterable[str], of: str) -> Iterator[Contradiction]:
    """Yield each of these fields that both objects have, with different values."""
    for name in names:
        if name in first.value and name in other.value and first.value[name] != other.value[name]:
            where = difference(first.value[name], other.value[name], name)
            yield Contradiction(f"`{name}` of {of}", "the same in two answers", where, (first.received, other.received))


@check("AGR-09", premises=(SETTLED,))
def thread_is_there_and_at_work_only_with_runs(play: Play) -> None:
    """AGR-09: compare a new thread with `idle`, one at rest with `busy`, and every read of a thread with 404."""
    created = [e for e in play.exchanges_for("create thread") if e.ok and isinstance(e.body, dict)]
    if not created:
        raise Unproven("the deployment created no thread")
    expect_none(_of_threads(play, created), "a thread that is there, and `busy` only with a run")


def _of_threads(play: Play, created: list[Exchange]) -> Iterator[Contradiction]:
    for exchange in created:
        thread_id = snippet(exchange.body.get("thread_id"))
        for one in _unused(play, thread_id):
            if one.get("status") not in (None, "idle"):
                what = f"the status of thread {thread_id} without a run in {one.place}"
                yield Contradiction(what, "`idle`", f"`{snippet(one.get('status'))}`", (exchange.sent, one.received))
        for read in _reads_of(play, thread_id):
            if read.sent > exchange.sent and read.response is not None and read.response.status == 404:
                what = f"the answer to {read.request.method} {read.request.path} ({read.request.purpose})"
                yield Contradiction(what, "200", "404", (exchange.sent, read.sent))
    yield from _vanished(play)
    yield from _without_cause(play)
    # THR-03 and THR-06 judge a thread that stays busy after a run was superseded or cancelled. The run of a cron may
    # end between the readings of the thread and of its runs.
    elsewhere = play.scenario.id.startswith(("interrupt/", "rollback/", "enqueue/", "cancel/", "leave/", "cron/"))
    if not elsewhere and _is_at_rest(play):
        final = play.last("final thread", s.MAIN)
        if isinstance(final.body, dict) and final.body.get("status") == "busy":
            yield Contradiction("the status of the thread", "not `busy`", "`busy`", (final.sent, final.sent))


def _without_cause(play: Play) -> Iterator[Contradiction]:
    """Yield every answer in which the thread is `error` or `interrupted`, although its runs so far can only succeed."""
    thread_id = play.transcript.threads.get(s.MAIN, "")
    for one in shown(play, "thread"):
        if one.id != thread_id or one.get("status") not in ("error", "interrupted"):
            continue
        sent = [e for e in play.exchanges if e.sent < one.received and not e.reads and thread_id in e.request.path]
        others = [e for e in sent if not e.serves("submit")]
        causes = [e for e in sent if e.serves("submit") and not _is_refused(e) and not _only_succeeds(play, e)]
        if sent and not others and not causes:
            what = f"the status of the thread, all of whose runs end `success`, in {one.place}"
            yield Contradiction(what, "`idle` or `busy`", f"`{one.get('status')}`", (sent[0].sent, one.received))


def _is_refused(exchange: Exchange) -> bool:
    return exchange.response is not None and 400 <= exchange.response.status < 500


def _only_succeeds(play: Play, creation: Exchange) -> bool:
    """Return whether a run ends `success` without a question, a stop before or after a node, or a failed attempt."""
    submit = play.scenario.submit(creation.request.about)
    asks = submit.interrupt or submit.answers or submit.fail or submit.stop_before or submit.stop_after
    return not asks and play.final_status(submit.label) == "success"


def _unused(play: Play, thread_id: str) -> list[Shown]:
    """Return the answers that show a thread before the first request that changes it."""
    first = next((e.sent for e in play.exchanges if thread_id in e.request.path and not e.reads), len(play.moments))
    return [one for one in shown(play, "thread") if one.id == thread_id and one.received < first]


def _vanished(play: Play) -> Iterator[Contradiction]:
    """Yield every read of a run that was answered 404, between two answers that show the run."""
    there = of_each([one for one in shown(play, "run") if one.purpose != "webhook"])
    for exchange in play.exchanges:
        # STR judges the joins of a run.
        found = re.fullmatch(r".*/runs/([^/?]+)(\?.*)?", exchange.request.path)
        if found is None or exchange.request.method != "GET" or exchange.serves("ask") or exchange.response is None:
            continue
        around = there.get(found[1], [])
        before = [one for one in around if one.received < exchange.sent]
        after = [one for one in around if one.sent > exchange.response.seq]
        if exchange.response.status == 404 and before and after:
            what = f"the answer to GET {exchange.request.path} ({exchange.request.purpose})"
            yield Contradiction(what, "200", "404", (before[-1].received, exchange.sent))


def _reads_of(play: Play, thread_id: str) -> Iterator[Exchange]:
    """Yield every valid read of a thread, its state, history or runs. Yield none of a thread that is deleted."""
    whole = re.compile(rf".*/threads/{re.escape(thread_id)}")
    paths = [(exchange, exchange.request.path.partition("?")[0]) for exchange in play.exchanges]
    if any(exchange.request.method == "DELETE" and whole.fullmatch(path) for exchange, path in paths):
        return
    # A 404 below `/runs/` may be about the run.
    inner = re.compile(whole.pattern + r"(/(state|history|runs))?")
    for exchange, path in paths:
        if exchange.reads and not exchange.serves("ask") and inner.fullmatch(path):
            yield exchange


def _is_at_rest(play: Play) -> bool:
    try:
        require_rest(play)
        listed = objects(play.body("final runs", s.MAIN, list))
    except Unproven:
        return False
    # An invalid request that was accepted wrongly may have left a run.
    return all(status_text(run.get("status")) in TERMINAL or of_another_thread(play, run) for run in listed)
