"""The requirements of the rule book by which histories are judged."""

from __future__ import annotations

import httpx
import pytest

from conformance.explore import actions as a
from conformance.explore.arrange import scenario
from conformance.explore.findings import Findings, key_of
from conformance.explore.player import Checked, playing
from conformance.explore.rules import rules
from conformance.histories.freedoms import EXACT
from conformance.judge.judging import judge
from conformance.judge.play import Play
from conformance.judge.profiles import NOTHING_DECLARED, Known, Profile
from conformance.requirements import registry
from mockserver import serving
from tests.conformance import timeless
from tests.conformance.plays import Edit, Json, edited, requests
from tests.explore.proof import connection, target_at


def played(actions: list[a.Action], *defects: str) -> Checked:
    """Return the play of a history on a mock with defects."""

    async def work() -> Checked:
        async with (
            serving(defects=list(defects)) as url,
            playing(target_at(url), freedoms=EXACT, connection=connection()) as player,
        ):
            return await player.play(scenario(actions))

    return timeless.run(work())


def broken(actions: list[a.Action], *defects: str) -> dict[str, str]:
    """Return the level of everything that the play of a history on a mock with defects breaks."""
    return {key_of(one): one.level for one in played(actions, *defects).broken}


def test_the_rules_are_those_of_every_scenario_and_those_that_say_so() -> None:
    chosen = {one.id for one in rules()}
    everywhere = {one.id for one in registry.load().requirements if "*" in one.shown_by}
    assert everywhere < chosen
    assert "STR-30" in chosen - everywhere
    assert "PROFILE" not in {one.level for one in rules()}


@pytest.mark.parametrize(
    ("actions", "defect", "found"),
    [
        ([a.Text(endpoint="stream")], "run_not_named", {"STR-30": "MUST"}),
        ([a.Text(endpoint="stream", hold="tools:1/enter")], "events_after_end", {"STR-18": "SHOULD"}),
        ([a.Text(endpoint="stream", ends="parked")], "hitl_interrupts_missing", {"AGR-06": "SHOULD"}),
        ([a.Text(endpoint="stream", hold="tools:1/enter"), a.Join()], "join_replays_everything", {"STR-22": "SHOULD"}),
        ([a.Text(endpoint="stream", hold="tools:1/enter"), a.Join()], "one_mode_only", {"STR-33": "SHOULD"}),
        ([a.Text(endpoint="wait", ends="parked")], "wait_without_question", {"HIL-16": "MUST"}),
        ([a.Text(endpoint="stream", hold="tools:1/enter"), a.Read(what="all")], "stream_buffered", {"STR-31": "MUST"}),
        ([a.Text(endpoint="stream", tokens=True)], "repeated_token_lost", {"STR-32": "MUST"}),
    ],
)
def test_a_rule_shows_what_every_order_explains(actions: list[a.Action], defect: str, found: dict[str, str]) -> None:
    checked = played(actions, defect)
    assert checked.verdict.kind == "legal"
    assert broken(actions) == {}
    assert broken(actions, defect).items() >= found.items()
    assert all(one.why.startswith(f"{one.law}: expected ") and one.seq for one in checked.broken)


def test_an_excluded_kind_of_history_is_not_judged_by_the_rule() -> None:
    # A run that swallows its cancellation may still execute when it is over (RUN-05), and a deleted thread is gone.
    swallows = a.Text(hold="tools:1/enter", on_cancel="swallow")
    assert broken([swallows, a.Stop()]) == {}
    assert broken([a.Text(hold="tools:1/enter"), a.Remove(thread=True)]) == {}


def test_the_steps_that_durability_exit_leaves_out_break_no_rule() -> None:
    assert broken([a.Text(), a.Text(durability="exit")]) == {}
    assert "AGR-10" in broken([a.Text(), a.Text()], "passed_next_lost")


def test_the_updates_of_a_client_that_left_before_the_hold_are_not_due() -> None:
    queued = a.Text(endpoint="stream", hold="tools:1/enter", settled=False)
    assert broken([a.Text(hold="tools:1/enter"), queued, a.Leave(), a.Let(back=1), a.Read(what="all")]) == {}


def test_the_answer_to_no_question_executes_nothing() -> None:
    actions: list[a.Action] = [a.Text(), a.Reply()]
    assert broken(actions) == {}
    assert "step enter" in broken(actions, "stale_resume_executes")


def test_a_failure_that_the_profile_declares_for_some_scenarios_is_no_new_finding() -> None:
    [verdict] = [one for one in played([a.Text(endpoint="stream")], "run_not_named").broken if one.law == "STR-30"]
    entry = Known(requirements=("STR-30",), scenario="none/*", reason="as agreed", evidence="a contract")
    findings = Findings(None, Profile(name="mine", known=(entry,)))
    assert not findings.count(verdict)
    assert findings.declared == {"STR-30": "as agreed"}
    assert Findings(None).count(verdict)


@pytest.mark.parametrize(
    ("actions", "defect"),
    [
        ([a.Text(), a.Join(how="join")], "finished_join_hangs"),
        ([a.Text(hold="tools:1/enter"), a.Text(), a.Stop(wait=True)], "pending_wait_never_answers"),
    ],
)
def test_an_answer_that_never_comes_is_a_finding(actions: list[a.Action], defect: str) -> None:
    assert broken(actions) == {}
    assert "progress" in broken(actions, defect)


@pytest.mark.parametrize(
    "actions",
    [
        # The run was created with one stream mode, and the client joins with two.
        [a.Text(hold="tools:1/enter"), a.Join()],
        # A client that disconnected has no answer, and no events of the modes that it named.
        [a.Text(hold="tools:1/enter"), a.Join(how="join"), a.Leave(), a.Stop(action="rollback")],
        [a.Text(endpoint="stream", hold="tools:1/enter"), a.Join(), a.Leave()],
        # After an update of the state no question is open.
        [a.Text(ends="parked"), a.Edit(), a.Read(what="statuses"), a.Text()],
        # The run that answers a question writes the rest of the turn, whose first part was streamed.
        [a.Text(), a.Text(endpoint="stream", ends="parked", tokens=True), a.Reply()],
    ],
)
def test_no_rule_accuses_what_a_client_may_do(actions: list[a.Action]) -> None:
    assert broken(actions) == {}


def word(rule: str, checked: Checked, *edits: Edit) -> str:
    """Return the verdict on the edited record of a history."""
    return judge(registry.load().get(rule), Play(edited(checked.transcript, *edits)), NOTHING_DECLARED).word


def answered_late(raw: Json) -> None:
    """Answer the client that joined when the run has ended, and send it no event."""
    [(joined, answer)] = requests(raw, "watch", "J1")
    moments = raw["moments"]
    kept = [m for m in moments if (m["kind"], m.get("exchange")) not in {(k, joined["exchange"]) for k in SENT}]
    kept.remove(answer)
    last = max(n for n, moment in enumerate(kept) if moment["kind"] == "witness")
    moments[:] = [*kept[: last + 1], answer, *kept[last + 1 :]]


SENT = ("stream", "closed")
"""The moments of a stream behind its answer."""


def no_events(raw: Json) -> None:
    """Send the client that joined in time no event."""
    [(joined, _)] = requests(raw, "watch", "J1")
    raw["moments"][:] = [m for m in raw["moments"] if (m["kind"], m.get("exchange")) != ("stream", joined["exchange"])]


def test_a_client_that_is_answered_after_the_end_needs_no_events() -> None:
    checked = played([a.Text(endpoint="stream", hold="tools:1/enter"), a.Join()])
    assert word("STR-33", checked) == "PASS"
    assert word("STR-33", checked, no_events) == "WARN"
    assert word("STR-33", checked, answered_late) == "INCONCLUSIVE"


def without_question(raw: Json) -> None:
    """Show the thread without a question in every reading."""
    for _, answer in requests(raw, "look", "main"):
        answer["body"] |= {"status": "interrupted", "interrupts": {}}


def test_a_run_that_is_stopped_while_it_asks_need_not_wait() -> None:
    asks = a.Text(ends="parked")
    assert word("HIL-01", played([asks, a.Read(what="statuses"), a.Text()]), without_question) == "FAIL"
    stopped = played([asks, a.StopAll(count=1), a.Read(what="statuses"), a.Text()])
    assert word("HIL-01", stopped, without_question) == "INCONCLUSIVE"


def updated_early(raw: Json) -> None:
    """Send the update of the state while run A may still execute."""
    [(update, _)] = requests(raw, "update state")
    [(submitted, _)] = requests(raw, "submit", "A")
    raw["moments"].remove(update)
    raw["moments"].insert(raw["moments"].index(submitted) + 1, update)


def test_a_question_need_not_be_shown_after_an_update_that_was_sent_before_it() -> None:
    checked = played([a.Text(ends="parked"), a.Edit(), a.Read(what="statuses"), a.Text()])
    assert word("HIL-01", checked, without_question) == "FAIL"
    assert word("HIL-01", checked, without_question, updated_early) == "INCONCLUSIVE"


@pytest.mark.parametrize(("defects", "left"), [((), 0), (("run_not_named",), 1)])
def test_only_a_history_that_shows_a_fault_leaves_its_thread(defects: tuple[str, ...], left: int) -> None:
    async def threads(client: httpx.AsyncClient) -> int:
        return len((await client.post("/threads/search", json={"limit": 100})).json())

    async def work() -> int:
        async with (
            serving(defects=list(defects)) as url,
            httpx.AsyncClient(base_url=url) as client,
            playing(target_at(url), freedoms=EXACT, connection=connection()) as player,
        ):
            before = await threads(client)
            await player.play(scenario([a.Text(endpoint="stream")]))
            return await threads(client) - before

    assert timeless.run(work()) == left
