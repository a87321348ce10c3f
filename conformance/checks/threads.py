"""THR: the status of a thread."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from conformance.api import GONE, IN_FLIGHT, LAG, THREAD_STATUSES, When, checkpoint_id, objects
from conformance.checks.common import expect_no_step_after, expect_order, require_question
from conformance.judge.check import check
from conformance.judge.expect import Broken, Unproven, all_facts, expect
from conformance.judge.messages import spell
from conformance.judge.play import Exchange, Play, StatusReading, status_text
from conformance.judge.premises import ACCEPTED_A, ACCEPTED_B, CANCELLED, HELD, REST, SETTLED
from conformance.judge.queries import answer, asked, has, items, page, queries
from conformance.judge.requests import accepted_deletion, labels, status_of
from conformance.scenarios import moves as s
from conformance.transcript.text import difference, same_json, snippet

READ: tuple[When, ...] = ("mid", "final")


@check("THR-01", premises=())
@all_facts
def statuses_are_documented(play: Play) -> None:
    """THR-01: compare every status that was reported for the thread with the documented ones."""
    readings = play.thread_readings()
    if not readings:
        raise Unproven("the deployment never reported the thread's status")
    for reading in readings:
        expect(
            reading.status in THREAD_STATUSES,
            f"a thread status that is one of {', '.join(sorted(THREAD_STATUSES))}",
            f"`{reading.status}`",
            reading.sent,
        )


@check("THR-02", "THR-05")
@all_facts
def thread_in_flight_is_busy(play: Play) -> None:
    """THR-02, THR-05: compare the thread's status with `busy` while a run is in flight.

    A thread reading counts when a run was reported to be in flight both before and after it.
    """
    seen = 0
    since: dict[str, StatusReading] = {}
    lasting: dict[tuple[str, int], tuple[StatusReading, StatusReading, StatusReading]] = {}
    for thread, run, label in _during_flight(play):
        seen += 1
        if thread.status == "busy":
            since.pop(label, None)
            continue
        first = since.setdefault(label, thread)
        # The newest reading replaces those before it, because they show one contradiction that lasts.
        lasting[label, first.sent] = first, run, thread
    for (label, _), (first, run, thread) in lasting.items():
        lasted = play.moments[thread.sent].t - play.moments[first.received].t
        # The rows of a thread and of its run may be written one after the other. A contradiction that lasts has
        # another cause, and the driver reads again to see whether it lasts.
        expect(
            lasted < LAG,
            f"the thread to be `busy` while run {label} is `{run.status}`",
            f"`{thread.status}` for {lasted * 1000:.0f} ms",
            run.sent,
            first.sent,
            thread.sent,
        )
    if not seen:
        raise Unproven("the thread was never read while a run was certainly in flight")


@check("THR-03", premises=(HELD, ACCEPTED_B, SETTLED))
def thread_is_idle_in_the_end(play: Play) -> None:
    """THR-03: compare the thread's final status with `idle` when run B has ended normally."""
    # A failed run B makes the thread `error`, which THR-07 judges.
    if play.outcome("B") != "success":
        raise Unproven(f"run B did not end `success` but `{play.final_status('B')}`")
    status = play.final_thread().get("status")
    expect(
        status == "idle",
        "the thread to be `idle` once run B has ended `success`",
        f"`{snippet(status)}`",
        play.last("final thread", s.MAIN).sent,
    )


@check("THR-04", premises=(HELD, CANCELLED, SETTLED))
def status_after_a_bare_cancel(play: Play) -> str:
    """THR-04: report the thread's status after run A was cancelled in the middle of a step."""
    return status_text(play.final_thread().get("status"))


@check("THR-06", premises=(HELD, SETTLED))
def stopping_does_not_leave_the_thread_busy(play: Play) -> None:
    """THR-06: look for a thread that is still `busy` when every run on it is over."""
    # A thread that stays `busy` takes no more texts from careful clients: https://github.com/aegra/aegra/issues/475
    for label in (submit.label for submit in play.scenario.submits()):
        status = play.final_status(label)
        if status not in play.ends(label) and status != GONE:
            raise Unproven(f"run {label} never ended: its status is `{status}`")
    expect(
        play.final_thread().get("status") != "busy",
        "the thread not to be `busy` when all runs on it are over",
        "`busy`",
        play.last("final thread", s.MAIN).sent,
    )


@check("THR-07", premises=(HELD, ACCEPTED_A))
@all_facts
def failed_run_marks_the_thread(play: Play) -> None:
    """THR-07: compare the thread's status with `error` after run A, and with `idle` after run B."""
    # From the witness, since a server that hides the failure in the thread may hide it in the run as well.
    if not any(report.outcome == "raised" for report in play.reports("A")):
        raise Unproven("the witness received no report that a step of run A failed")
    ended, arrived = play.ended("A"), play.submission("B").sent
    between = [r for r in play.thread_readings() if ended < r.sent and r.received < arrived]
    if not between:
        raise Unproven("the thread was not read between the failure of run A and the creation of run B")
    # The last reading: a thread that is read right after the failure may not show it yet (THR-08 is a SHOULD).
    expect(
        between[-1].status == "error",
        "the thread to be `error` after run A failed",
        f"`{between[-1].status}`",
        between[-1].sent,
    )
    thread_is_idle_in_the_end(play)


@check("THR-08", premises=(HELD, ACCEPTED_B))
def join_comes_after_the_status(play: Play) -> None:
    """THR-08: look for `busy` in the thread's first status after join of run B returned."""
    join = play.last("join", "B")
    if not join.ok or join.over is None:
        raise Unproven(f"join of run B was not answered with 2xx: {join.outcome()}", join.sent)
    # X is on another thread, so it does not keep this one busy.
    others = [label for label in labels(play) if label not in ("B", "X")]
    if any(r.status in IN_FLIGHT and r.sent > join.over for label in others for r in play.readings(label)):
        raise Unproven("another run was still in flight when join of run B returned")
    after = [reading for reading in play.thread_readings() if reading.sent > join.over]
    if not after:
        raise Unproven("the thread was not read after join of run B returned")
    # Only the first reading can show the delay. A thread that stays busy breaks THR-03.
    expect(
        after[0].status != "busy",
        "the thread not to be `busy` once join of its last run has returned",
        "`busy`",
        join.sent,
        after[0].sent,
    )


@check("THR-09")
@all_facts
def search_agrees_with_get(play: Play) -> None:
    """THR-09: compare the result of every thread search with the thread's status around it."""
    searches = play.exchanges_for("search threads")
    if not searches:
        raise Unproven("the driver did not reach a search")
    thread_id = play.thread()
    # The searches filter by metadata. A thread that is accepted only without any breaks FRM-05.
    if "metadata" not in (play.last("create thread", s.MAIN).request.body or {}):
        raise Unproven("the thread was accepted only without the metadata by which it is searched")
    judged = 0
    for search in searches:
        if search.over is None or not isinstance(search.body, list):
            raise Unproven(f"no usable answer to the search: {search.outcome()}", search.sent)
        status = _steady_status(play, search.sent, search.over)
        # The status may have changed during this search, in which case either result is right.
        if status is None:
            continue
        judged += 1
        found = any(isinstance(entry, dict) and entry.get("thread_id") == thread_id for entry in search.body)
        wanted = search.request.about
        expect(
            found == (wanted == status),
            f"a search for status `{wanted}` {'' if wanted == status else 'not '}to find the thread, which is "
            f"`{status}`",
            "found" if found else "not found",
            search.sent,
        )
        shown = [entry.get("status") for entry in objects(search.body) if entry.get("thread_id") == thread_id]
        expect(
            all(each in (None, status) for each in shown),
            f"the status `{status}` in the result of a search for status `{wanted}`, as in GET of the thread",
            f"`{snippet(shown)}`",
            search.sent,
        )
    if not judged:
        raise Unproven("no search has equal readings of the thread's status before and after it")


@check("THR-10", premises=(HELD, ACCEPTED_B))
@all_facts
def successor_keeps_the_thread_busy(play: Play) -> None:
    """THR-10: compare the thread's status with `busy` between the ends of run A and run B."""
    ended = play.ended("A")
    seen = 0
    for thread, run, label in _during_flight(play):
        if label == "B" and thread.sent > ended:
            seen += 1
            expect(
                thread.status == "busy",
                f"the thread to stay `busy` when run A is over and run B is `{run.status}`",
                f"`{thread.status}`",
                ended,
                thread.sent,
            )
    if not seen:
        raise Unproven("the thread was never read between the end of run A and the end of run B")


@check("THR-11")
@all_facts
def deleted_thread_is_gone(play: Play) -> None:
    """THR-11: compare GET of the deleted thread with 404, and look for a step of run A that continues."""
    deletion, _ = accepted_deletion(play)
    thread = play.last("final thread", s.MAIN)
    expect(
        thread.response is not None and thread.response.status == 404,
        "HTTP 404 for GET of the deleted thread",
        thread.outcome(),
        deletion.sent,
        thread.sent,
    )
    expect_no_step_after(play, deletion, "A")


@check("THR-20", premises=(REST,))
def threads_are_found_by_filter(play: Play) -> None:
    """THR-20: compare every filtered list of threads with the fitting entries of the whole list."""
    whole = _whole_list(play)
    mine = sorted(thread_id for name, thread_id in play.transcript.threads.items() if name in (s.MAIN, s.OTHER))
    see = play.exchanges_for("list threads")[0].sent
    found = sorted(str(one.get("thread_id")) for one in whole)
    expect(found == mine, f"the threads {', '.join(mine)} by their metadata", ", ".join(found) or "none", see)
    for exchange, options in queries(play, "list threads"):
        fitting = _fitting(whole, options)
        if len(page(fitting, options)) < len(fitting):
            continue  # THR-21 judges pages
        due = sorted(str(one.get("thread_id")) for one in fitting)
        got = sorted(str(one.get("thread_id")) for one in items(exchange))
        expect(
            got == due,
            f"the threads {', '.join(due) or 'none'} for {asked(exchange)}",
            ", ".join(got) or "none",
            exchange.sent,
            see,
        )


@check("THR-21", premises=(REST,))
def threads_are_listed_in_pages(play: Play) -> None:
    """THR-21: compare every page of threads with the part of the whole list at its `limit` and `offset`."""
    whole = _whole_list(play)
    if len({snippet(one.get("created_at")) for one in whole}) < len(whole):
        raise Unproven("two threads have the same `created_at`, so their order is not defined")
    for exchange, options in queries(play, "list threads"):
        if options.get("sort_order") != "asc" or options.get("sort_by") != "created_at":
            continue
        due = [one.get("thread_id") for one in page(_fitting(whole, options), options)]
        got = [one.get("thread_id") for one in items(exchange)]
        expect(
            got == due, f"{len(due)} of the threads for {asked(exchange)}: {snippet(due)}", snippet(got), exchange.sent
        )


@check("THR-22", premises=(REST,))
def threads_are_sorted(play: Play) -> None:
    """THR-22: compare the order of every list of threads with its `sort_by` and `sort_order`."""
    for exchange, options in queries(play, "list threads"):
        if isinstance(field := options.get("sort_by"), str):
            expect_order(exchange, field, descending=options.get("sort_order") == "desc")


@check("THR-23", premises=(REST,))
def threads_are_counted(play: Play) -> None:
    """THR-23: compare every count of threads with the number of fitting entries of the whole list."""
    whole = _whole_list(play)
    for exchange, options in queries(play, "count threads"):
        due, got = len(_fitting(whole, options)), answer(exchange)
        expect(got == due, f"{due} for {asked(exchange)}", snippet(got), exchange.sent)


def _whole_list(play: Play) -> list[dict[str, Any]]:
    """Return the threads of the play, oldest first. It is the first list that the scenario reads."""
    for exchange, _ in queries(play, "list threads"):
        return items(exchange)
    return []


def _fitting(whole: list[dict[str, Any]], options: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        one
        for one in whole
        if options.get("status") in (None, one.get("status"))
        and (not isinstance(options.get("ids"), list) or one.get("thread_id") in options["ids"])
        and has(one.get("metadata"), options.get("metadata"))
    ]


def _during_flight(play: Play) -> Iterator[tuple[StatusReading, StatusReading, str]]:
    """Yield each thread reading that lies between two readings of one run in flight.

    Yield it with the reading of the run before it, and the label of the run.
    """
    for label in labels(play):
        # X is on another thread.
        if label == "X":
            continue
        flights = [r for r in play.readings(label) if r.status in IN_FLIGHT]
        for thread in play.thread_readings():
            before = [r for r in flights if r.received < thread.sent]
            after = [r for r in flights if r.sent > thread.received]
            # A server that shows a finished run as in flight again breaks RUN-03. Its thread is not judged by that.
            over = any(r.status in play.ends(label) and r.received < thread.sent for r in play.readings(label))
            if before and after and not over:
                yield thread, before[-1], label


def _steady_status(play: Play, since: int, until: int) -> str | None:
    """Return the thread's status if the nearest readings before and after agree, else None."""
    before = [r for r in play.thread_readings() if r.received < since]
    after = [r for r in play.thread_readings() if r.sent > until]
    if before and after and before[-1].status == after[0].status:
        return str(after[0].status)
    return None


@check("THR-30")
def deleted_thread_is_gone_everywhere(play: Play) -> None:
    """THR-30: compare the answers about the deleted thread, its state, its history and its runs with 404."""
    deletion, again = _deleted_and_created(play)
    asked = [
        exchange
        for exchange in play.exchanges
        if exchange.serves("look", "mid state", "mid history", "list runs")
        if f"/threads/{play.thread()}" in exchange.request.path
        if (deletion.over or 0) < exchange.sent < again.sent and exchange.response is not None
    ]
    if not asked:
        raise Unproven("the deleted thread was not read before it was created again")
    for exchange in asked:
        expect(
            exchange.response is not None and exchange.response.status == 404,
            f"HTTP 404 for GET {exchange.request.path}, since the thread is deleted",
            exchange.outcome(),
            deletion.sent,
            exchange.sent,
        )


@check("THR-37")
def deleted_thread_is_not_found(play: Play) -> None:
    """THR-37: compare every answer to a GET of the deleted thread with 404."""
    deletion, again = _deleted_and_created(play)
    path = f"/threads/{play.thread()}"
    asked = [e for e in play.exchanges_for("look", s.MAIN) if (deletion.over or 0) < e.sent < again.sent and e.response]
    if not asked:
        raise Unproven("the deleted thread was not read before it was created again")
    for exchange in asked:
        gone = exchange.response is not None and exchange.response.status == 404
        expect(gone, f"HTTP 404 for GET {path}, which was deleted", exchange.outcome(), deletion.sent, exchange.sent)


@check("THR-31")
def thread_that_is_created_again_is_new(play: Play) -> None:
    """THR-31: look for messages and runs of before the deletion on the thread that was created again."""
    _, again = _deleted_and_created(play)
    if not again.ok:
        raise Unproven(f"the thread was not created again under its id: {again.outcome()}", again.sent)
    old = play.run_id("A")
    for exchange in play.exchanges_for("list runs", s.MAIN):
        ids = [run.get("run_id") for run in objects(exchange.body)] if exchange.sent > again.sent else []
        expect(old not in ids, "no run of before the deletion in the list of runs", "run A", again.sent, exchange.sent)
    seen = [("its history", entry.messages) for when in READ for entry in play.history(when)]
    seen += [("its state", play.messages(when)) for when in READ]
    for where, messages in seen:
        kept = [message for message in messages if message.label == "A"]
        expect(not kept, f"no message of before the deletion in {where}", spell(kept), again.sent)


@check("THR-32")
@all_facts
def creations_that_do_nothing_agree(play: Play) -> None:
    """THR-32: compare the answer to every creation of one thread, with `if_exists: do_nothing`, with that thread."""
    name = next(
        move.name
        for move in play.scenario.moves
        if isinstance(move, s.CreateTogether) and move.if_exists == "do_nothing"
    )
    chosen = play.thread(name)
    for exchange in _created_together(play, name):
        expected = "a 2xx answer to each request that creates the thread with `if_exists: do_nothing`"
        expect(exchange.ok, expected, exchange.outcome(), exchange.sent)
        reported = exchange.body.get("thread_id") if isinstance(exchange.body, dict) else None
        expect(reported == chosen, f"the thread {chosen}", f"`{snippet(reported)}`", exchange.sent)
    if name == s.MAIN:
        _expect_unchanged(play, play.last("create together", name))


def _expect_unchanged(play: Play, creation: Exchange) -> None:
    """Raise Broken unless a thread has the metadata and the run in flight that it had before it was created again."""
    looks = [one for one in play.exchanges_for("look", s.MAIN) if isinstance(one.body, dict)]
    before = next((one for one in reversed(looks) if one.sent < creation.sent), None)
    after = next((one for one in looks if one.sent > creation.sent), None)
    if before is None or after is None:
        raise Unproven("the thread was not read before and after it was created again", creation.sent)
    for name in ("metadata", "status", "values"):
        what = f"`{name}` of the thread to be as before its second creation"
        found = after.body.get(name)
        same = name not in before.body or same_json(before.body[name], found)
        expect(same, what, snippet(found), creation.sent, after.sent)


@check("THR-33")
def one_creation_succeeds(play: Play) -> None:
    """THR-33: count the answers to the creations of one thread: one 2xx, and 409 for the others."""
    asked = _created_together(play, "second")
    if unanswered := [exchange for exchange in asked if exchange.response is None]:
        raise Unproven(f"a creation was not answered: {unanswered[0].outcome()}", unanswered[0].sent)
    made = [exchange for exchange in asked if exchange.ok]
    others = [exchange for exchange in asked if not exchange.ok and status_of(exchange) != 409]
    expect(
        len(made) == 1 and not others,
        f"one 2xx answer, and HTTP 409 for the other {len(asked) - 1} requests that create the same thread",
        f"{len(made)} 2xx answers" + "".join(f", {exchange.outcome()}" for exchange in others[:1]),
        *(exchange.sent for exchange in (*made[1:2], *others[:1])),
    )


def _created_together(play: Play, name: str) -> list[Exchange]:
    """Return the creations of the thread `name`. Raise Unproven when the driver sent none."""
    found = play.exchanges_for("create together", name)
    if not found:
        raise Unproven("the driver did not reach the creations of the thread")
    return found


@check("THR-34")
def thread_shows_values_and_questions(play: Play) -> str:
    """THR-34: report which of `values` and `interrupts` the thread of the parked run A shows."""
    if not play.messages():
        raise Unproven("the state of the thread has no message")
    require_question(play, "A")
    shown = [name for name in ("values", "interrupts") if play.final_thread().get(name)]
    return " and ".join(shown) or "neither"


@check("THR-35")
@all_facts
def change_is_merged(play: Play) -> None:
    """THR-35: compare the metadata after a change with that before it and what was sent, and the values and status."""
    move = next(move for move in play.scenario.moves if isinstance(move, s.ChangeThread))
    change = play.last("change thread", s.MAIN)
    expect(change.ok, "a 2xx answer to a change of the thread's metadata", change.outcome(), change.sent)
    looks = [one for one in play.exchanges_for("look", s.MAIN) if isinstance(one.body, dict)]
    before = next((one for one in reversed(looks) if one.sent < change.sent), None)
    if before is None:
        raise Unproven("the thread was not read before the change", change.sent)
    old = before.body.get("metadata")
    due = {**(old if isinstance(old, dict) else {}), **move.metadata}
    # An answer may have no body, or be that of the thread.
    over = change.over or change.sent
    later = [one for one in (*looks, play.last("final thread", s.MAIN)) if one.sent > over]
    for exchange in (change, *later):
        body = exchange.body
        if not isinstance(body, dict) or "metadata" not in body:
            continue
        found = body["metadata"] if isinstance(body["metadata"], dict) else {}
        lost = [name for name in due if name not in found or not same_json(found[name], due[name])]
        expect(
            not lost,
            f"`{', '.join(lost)}` in the metadata of the thread after the change: {snippet(due)}",
            snippet({name: found.get(name) for name in lost}),
            change.sent,
            exchange.sent,
        )
    for name in ("values", "status"):
        after = play.final_thread().get(name)
        what = f"`{name}` of the thread to be as before the change of its metadata"
        same = name not in before.body or same_json(before.body[name], after)
        expect(same, what, snippet(after), change.sent, play.last("final thread", s.MAIN).sent)


@check("THR-36")
@all_facts
def copy_is_a_thread_of_its_own(play: Play) -> None:
    """THR-36: compare the history of the copy with that of the thread, and what X changed with the copy alone."""
    asked = play.last("copy thread", "copy")
    if not asked.ok:
        raise Broken("a 2xx answer to a copy of the thread", asked.outcome(), asked.sent)
    copy, main = play.transcript.threads.get("copy"), play.thread()
    # SHP-03 judges an answer without an id.
    if copy is None:
        raise Unproven("the answer to the copy names no thread", asked.sent)
    expect(copy != main, f"the copy to have another thread_id than {main}", f"`{copy}`", asked.sent)
    original = objects(play.body("mid history", s.MAIN, list))
    readings = list(play.exchanges_for("copied history"))
    if not readings or not original:
        raise Unproven("the history of the thread, or of its copy, was not read", asked.sent)
    before, *later = readings
    for name in ("values", "next"):
        found = [entry.get(name) for entry in objects(before.body)]
        due = [entry.get(name) for entry in original]
        what = f"`{name}` of each checkpoint of the thread in the history of its copy"
        expect(same_json(found, due), what, difference(found, due, name), asked.sent, before.sent)
    for exchange in later:
        grown = len(objects(exchange.body))
        expected = f"more checkpoints on the copy after run X than the {len(original)} of before"
        expect(grown > len(original), expected, f"{grown}", play.last("submit", "X").sent, exchange.sent)
    last = play.last("final history", s.MAIN)
    same = same_json([checkpoint_id(one) for one in objects(last.body)], [checkpoint_id(one) for one in original])
    expect(same, "the history of the thread as before run X on its copy", "another one", asked.sent, last.sent)


def _deleted_and_created(play: Play) -> tuple[Exchange, Exchange]:
    deletion, _ = accepted_deletion(play)
    return deletion, play.last("create again", s.MAIN)
