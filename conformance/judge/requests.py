"""The requests of a play that create, stop or delete runs, and the invalid ones, as facts."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

from conformance.judge.expect import Unproven
from conformance.judge.oracle import Action
from conformance.judge.play import Exchange, Play
from conformance.scenarios import moves as s


def labels(play: Play) -> list[str]:
    """Return the labels of the runs that the driver submitted, on any thread."""
    return [submit.label for submit in play.scenario.all_submits if play.exchanges_for("submit", submit.label)]


def first_cancel(play: Play) -> Exchange:
    """Return the first cancel of the scenario. Raise Unproven when the driver did not send one."""
    cancels = play.exchanges_for("cancel")
    if not cancels:
        raise Unproven("the driver did not reach the cancel")
    return cancels[0]


def accepted_cancel(play: Play) -> Exchange:
    """Return the first cancel that was answered with 2xx. Raise Unproven when none was."""
    # Of several that are sent at once, another than the first may arrive first and delete the run.
    first = first_cancel(play)
    for cancel in play.exchanges_for("cancel", first.request.about):
        if cancel.ok:
            return cancel
    raise Unproven(f"the cancel of run {first.request.about} was not accepted: {first.outcome()}", first.sent)


def action_of(cancel: Exchange) -> Action:
    """Return the action in the query of a cancel. The API's default is `interrupt`."""
    actions = parse_qs(urlsplit(cancel.request.path).query).get("action")
    return "rollback" if actions == ["rollback"] else "interrupt"


def stopping_request(play: Play) -> Exchange:
    """Return the request that stopped run A: a cancel, or the creation of run B."""
    cancels = [cancel for cancel in play.exchanges_for("cancel", "A") if cancel.ok]
    return cancels[0] if cancels else play.accepted("B")


def accepted_deletion(play: Play) -> tuple[Exchange, str]:
    """Return the deletion and the label of its run. Raise Unproven when the deployment refused it."""
    deletions = play.exchanges_for("delete")
    if not deletions:
        raise Unproven("the driver did not reach the deletion")
    deletion = deletions[0]
    if not deletion.ok:
        raise Unproven(f"the deletion was not accepted: {deletion.outcome()}", deletion.sent)
    return deletion, deletion.request.about.removeprefix("run ")


def wrong_requests(play: Play) -> list[tuple[s.Ask, Exchange]]:
    """Return every invalid request of the scenario with its exchange."""
    return [(move, play.last("ask", move.what)) for move in play.scenario.moves if isinstance(move, s.Ask)]


def status_of(exchange: Exchange) -> int:
    """Return the HTTP status of the answer, 0 when there was none."""
    return exchange.response.status if exchange.response is not None else 0
