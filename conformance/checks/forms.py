"""FRM: requests in a form that the API description allows, and that the deployment accepts in another form only.

The driver sends a refused request again in another form (`driver/workarounds.py`). That the other form is accepted
shows that the refusal was about the form.
"""

from __future__ import annotations

from conformance.api import Need, Purpose
from conformance.judge.check import check
from conformance.judge.expect import Unproven, all_facts, expect
from conformance.judge.play import Play
from conformance.transcript.text import snippet

CREATES: tuple[Purpose, ...] = ("submit", "create thread")
LISTS: tuple[Purpose, ...] = ("mid history", "final history", "final runs", "find run", "cron runs", "list crons")


@check("FRM-01")
@all_facts
def text_or_list_of_modes(play: Play) -> None:
    """FRM-01: look for a run that was refused for the form of its `stream_mode`."""
    _expect_accepted(play, "stream_mode", "submit")


@check("FRM-02")
@all_facts
def limits_are_accepted(play: Play) -> None:
    """FRM-02: look for a list that was refused for its `limit`."""
    _expect_accepted(play, "limit", *LISTS)


@check("FRM-03", premises=())
@all_facts
def requests_are_not_redirected(play: Play) -> None:
    """FRM-03: look for a redirect that led to an answer."""
    if not any(exchange.response for exchange in play.exchanges):
        raise Unproven("the deployment answered no request")
    for moment, refused, _ in play.adaptations:
        expect(
            "redirect" not in moment.needs,
            f"an answer to {refused.request.method} {refused.request.path}",
            f"{refused.outcome()}, a redirect",
            refused.sent,
        )


@check("FRM-04")
@all_facts
def graph_names_an_assistant(play: Play) -> None:
    """FRM-04: look for a run that was refused for naming its assistant by the graph."""
    _expect_accepted(play, "assistant", "submit")


@check("FRM-05")
@all_facts
def metadata_is_accepted(play: Play) -> None:
    """FRM-05: look for a thread or run that was refused for its metadata."""
    _expect_accepted(play, "metadata", *CREATES)


@check("FRM-06")
@all_facts
def defaults_may_be_sent(play: Play) -> None:
    """FRM-06: look for a run that was refused for a field with its default value."""
    _expect_accepted(play, "defaults", "submit")


@check("FRM-07")
@all_facts
def delay_may_be_a_fraction(play: Play) -> None:
    """FRM-07: look for a run that was refused for a fraction in its `after_seconds`."""
    _expect_accepted(play, "after_seconds", "submit")


@check("FRM-08")
@all_facts
def runs_in_flight_can_be_deleted(play: Play) -> None:
    """FRM-08: look for a deletion that was refused while the run executed."""
    _expect_accepted(play, "delete", "delete")


@check("FRM-09", premises=())
@all_facts
def requests_are_not_put_off(play: Play) -> None:
    """FRM-09: look for a 503 with Retry-After whose request was answered when it was repeated."""
    if not any(exchange.response for exchange in play.exchanges):
        raise Unproven("the deployment answered no request")
    for moment, refused, after in play.adaptations:
        expect(
            "retry" not in moment.needs or refused.outcome() != "HTTP 503",
            f"an answer to {refused.request.method} {refused.request.path}",
            f"HTTP 503, and {after.outcome()} {moment.how}",
            refused.sent,
            after.sent,
        )


def _expect_accepted(play: Play, need: Need, *purposes: Purpose) -> None:
    """Raise Broken if a request was refused, and accepted when only this `need` was avoided.

    Raise Unproven when no request with one of these purposes was accepted.
    """
    if not any(exchange.ok and exchange.serves(*purposes) for exchange in play.exchanges):
        raise Unproven(f"the deployment accepted no request of the kind `{purposes[0]}`")
    for moment, refused, after in play.adaptations:
        # A form that is refused as well proves nothing about the first.
        if need in moment.needs and play.is_last_form(after):
            expect(
                False,
                f"{refused.request.method} {refused.request.path} to be accepted as it was sent",
                f"{refused.outcome()}: {snippet(refused.response.body if refused.response else None)}. It was accepted "
                f"{moment.how}",
                play.first_form(refused).sent,
                after.sent,
            )
