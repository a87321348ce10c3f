"""Every check holds on what the correct mock does, and fails on a record that was edited to break its rule."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from conformance import checks
from conformance.judge.check import MODULES, Check, all_checks, check
from conformance.judge.judging import judge
from conformance.judge.play import Play
from conformance.judge.profiles import NOTHING_DECLARED
from conformance.report.failure import explain
from conformance.requirements import registry
from conformance.requirements.areas import MARKERS
from conformance.requirements.judged import requirements_in
from conformance.scenarios.catalogue import catalogue
from conformance.session.target import problem_of
from conformance.transcript.transcript import Transcript
from tests.conformance.plays import Edit, Json, edited, requests, run_status, says_something_else, unwitnessed
from tests.conformance.twins import all_twins
from tests.conformance.twins.edits import Twin, drop_reports, reported

BOOK = registry.load()


@pytest.fixture(scope="module")
def seen(plays: Mapping[str, Transcript]) -> dict[str, Play]:
    """Every play, with what the checks of one requirement have found in it and those of the next one search, too."""
    return {name: Play(transcript) for name, transcript in plays.items()}


@pytest.mark.parametrize("requirement", BOOK.requirements, ids=lambda r: r.id)
def test_the_correct_mock_passes(requirement: registry.Requirement, seen: dict[str, Play]) -> None:
    shown = {name: play for name, play in seen.items() if requirement.applies_to(name)}
    assert shown, "no scenario shows this requirement"
    verdicts = {name: judge(requirement, play, NOTHING_DECLARED) for name, play in shown.items()}
    assert {name: v for name, v in verdicts.items() if v.word != "PASS"} == {}


@pytest.mark.parametrize("case", all_twins(), ids=lambda t: f"{t.requirement}-{t.what}")
def test_a_broken_twin_is_found(case: Twin, plays: Mapping[str, Transcript]) -> None:
    requirement = BOOK.get(case.requirement)
    assert requirement.applies_to(case.scenario)
    verdict = judge(requirement, Play(edited(plays[case.scenario], *case.edits)), NOTHING_DECLARED)
    assert verdict.word == ("WARN" if requirement.level == "SHOULD" else "FAIL"), verdict
    assert case.fact in verdict.observed
    assert verdict.expected


def test_a_probe_agent_that_is_too_old_is_reported(plays: Mapping[str, Transcript]) -> None:
    found = plays["interrupt/in-subgraph/create/unwatched"]
    play = Play(edited(found, drop_reports("A"), run_status("A", "error")))
    verdict = judge(BOOK.get("INT-19"), play, NOTHING_DECLARED)
    assert verdict.word == "INCONCLUSIVE"
    assert "The deployed probe agent supports version 1 only" in verdict.reason


def test_a_probe_agent_that_has_played_a_version_is_not_too_old_for_it(plays: Mapping[str, Transcript]) -> None:
    found = plays["resume/parked/create/unwatched/partial"]
    play = Play(edited(found, drop_reports("B"), run_status("B", "error")))
    assert play.outdated_agent is None


def test_a_probe_agent_of_version_2_is_reported_where_version_3_is_needed(plays: Mapping[str, Transcript]) -> None:
    found = plays["resume/parked/create/unwatched/value"]
    play = Play(edited(found, drop_reports("B"), run_status("B", "error")))
    verdict = judge(BOOK.get("HIL-14"), play, NOTHING_DECLARED)
    assert verdict.word == "INCONCLUSIVE"
    assert "The deployed probe agent supports versions 1 to 2 only" in verdict.reason


def _refused(status: int) -> Edit:
    """Answer every creation of a run with this status."""

    def edit(raw: Json) -> None:
        for _, response in requests(raw, "submit"):
            response.update(status=status, body={"detail": "no"})

    return edit


@pytest.mark.parametrize(("status", "blamed"), [(409, False), (422, True)])
def test_a_conflict_is_no_refusal_of_a_webhook(status: int, blamed: bool, plays: Mapping[str, Transcript]) -> None:
    play = Play(edited(plays["webhook/finished"], _refused(status)))
    verdict = judge(BOOK.get("WHK-10"), play, NOTHING_DECLARED)
    assert verdict.word == "INCONCLUSIVE"
    assert ("accepts no webhook" in verdict.reason) is blamed


def test_runs_of_other_threads_in_the_list_hide_nothing(plays: Mapping[str, Transcript]) -> None:
    def mixed(raw: Json) -> None:
        for _, response in requests(raw, "final runs", "main"):
            other = {**response["body"][0], "run_id": "00000000-0000-4000-8000-000000000001", "status": "running"}
            response["body"].append({**other, "thread_id": "00000000-0000-4000-8000-000000000002"})
        for _, response in requests(raw, "final history", "main"):
            response["body"] = []

    play = Play(edited(plays["interrupt/during-tools/create/unwatched"], mixed))
    assert judge(BOOK.get("CHK-05"), play, NOTHING_DECLARED).word == "FAIL"


@pytest.mark.parametrize("status", [404, 405])
def test_an_endpoint_that_is_not_there_may_answer_with_a_text(status: int, plays: Mapping[str, Transcript]) -> None:
    def missing(raw: Json) -> None:
        for _, response in requests(raw, "batch"):
            response |= {"status": status, "body": "Not Found"}
            response["headers"]["content-type"] = "text/plain; charset=UTF-8"

    play = Play(edited(plays["stateless/batch"], missing))
    verdicts = {name: judge(BOOK.get(name), play, NOTHING_DECLARED).word for name in ("SHP-06", "STL-05")}
    assert verdicts == {"SHP-06": "PASS", "STL-05": "FAIL"}


def test_a_text_that_is_no_json_is_named_as_such(plays: Mapping[str, Transcript]) -> None:
    name = "none/during-tools/stream/streamed/values"

    def broken(raw: Json) -> None:
        asked = next(m for m in raw["moments"] if m["kind"] == "request" and m["path"].endswith("/stream"))
        fault = {"kind": "fault", "exchange": asked["exchange"], "error": "stream not read to its end: JSONDecodeError"}
        raw["moments"].append({**fault, "seq": 0, "t": raw["moments"][-1]["t"]})

    verdict = judge(BOOK.get("SHP-05"), Play(edited(plays[name], broken)), NOTHING_DECLARED)
    assert (verdict.word, verdict.expected) == ("FAIL", "each event to have JSON as its data")


def test_the_answer_as_a_text_is_another_answer(plays: Mapping[str, Transcript]) -> None:
    play = Play(edited(plays["resume/parked/create/unwatched/false-value"], reported("resume", "false")))
    verdict = judge(BOOK.get("HIL-14"), play, NOTHING_DECLARED)
    assert (verdict.expected, verdict.observed) == ("tools:1 of run B to get the answer false", '"false"')


def test_events_of_an_unknown_name_are_named_where_a_mode_is_missing(plays: Mapping[str, Transcript]) -> None:
    def renamed(raw: Json) -> None:
        for moment in raw["moments"]:
            if moment["kind"] == "stream" and moment["event"] == "messages":
                moment["event"] = "messages-tuple"

    play = Play(edited(plays["none/during-tools/stream/streamed/messages-tuple"], renamed))
    verdict = judge(BOOK.get("STR-25"), play, NOTHING_DECLARED)
    assert (verdict.word, "also `messages-tuple`" in verdict.observed) == ("FAIL", True)


def test_streams_that_are_still_open_are_not_compared(plays: Mapping[str, Transcript]) -> None:
    def still_open(raw: Json) -> None:
        replay = [request["exchange"] for request, _ in requests(raw, "watch", "W")]
        last = [m for m in raw["moments"] if m["kind"] == "stream" and m["exchange"] in replay][-1]
        raw["moments"] = [
            m for m in raw["moments"] if m is not last and not (m["kind"] == "closed" and m["exchange"] in replay)
        ]

    play = Play(edited(plays["none/during-tools/stream/reconnected"], still_open))
    assert judge(BOOK.get("STR-23"), play, NOTHING_DECLARED).word == "INCONCLUSIVE"


def test_a_run_that_never_ends_is_reported_although_its_client_never_left(plays: Mapping[str, Transcript]) -> None:
    def never_left(raw: Json) -> None:
        raw["moments"] = [m for m in raw["moments"] if m["kind"] != "left"]
        for _, response in requests(raw, "final runs"):
            response["body"] = [{**one, "status": "running"} for one in response["body"]]

    play = Play(edited(plays["none/during-answer/stream/stalled"], run_status("A", "running"), never_left))
    verdict = judge(BOOK.get("STR-21"), play, NOTHING_DECLARED)
    assert (verdict.word, verdict.observed) == ("WARN", "it never ended")
    assert "seen" in explain(BOOK.get("STR-21"), play, verdict, "nowhere")


def test_a_plain_run_that_was_executed_twice_is_called_so(plays: Mapping[str, Transcript]) -> None:
    def twice(raw: Json) -> None:
        reports = [m for m in raw["moments"] if m["kind"] == "witness" and m["label"] == "A"]
        at = raw["moments"].index(reports[-1]) + 1
        raw["moments"][at:at] = [dict(report) for report in reports]

    problem = problem_of(Play(edited(plays["none/finished/create/unwatched/update"], twice)), "agent")
    assert problem is not None
    assert "executed the steps agent:1 tools:1 agent:2 agent:1 tools:1 agent:2" in problem


def test_a_filter_by_what_no_entry_shows_is_not_judged(plays: Mapping[str, Transcript]) -> None:
    def hide_source(raw: Json) -> None:
        for purpose in ("mid history", "list history"):
            for _, response in requests(raw, purpose, "main"):
                for entry in response["body"]:
                    entry["metadata"].pop("source")

    play = Play(edited(plays["none/finished/create/unwatched/history"], hide_source))
    verdict = judge(BOOK.get("CHK-23"), play, NOTHING_DECLARED)
    assert (verdict.word, verdict.reason) == ("INCONCLUSIVE", "no entry of the history shows source in its metadata")


def test_every_requirement_has_a_broken_twin() -> None:
    # With a twin for each requirement, a check that only returns cannot pass. For a MUST and a SHOULD its verdict would
    # be PASS, where `test_a_broken_twin_is_found` expects FAIL or WARN. For a freedom it would report none, where
    # `test_the_correct_mock_passes` expects the documented one.
    assert {t.requirement for t in all_twins()} == {r.id for r in BOOK.requirements}


def test_every_requirement_has_a_check_and_every_check_a_requirement() -> None:
    assert set(all_checks()) == {r.id for r in BOOK.requirements}


def ids_of_checks() -> dict[Check, list[str]]:
    """Return the ids of each check, in the order of its decorator."""
    found: dict[Check, list[str]] = {}
    for requirement_id, function in all_checks().items():
        found.setdefault(function, []).append(requirement_id)
    return found


def test_every_check_is_in_a_module_of_its_area() -> None:
    elsewhere = {
        requirement_id: function.__module__
        for requirement_id, function in all_checks().items()
        # Three parts: the area STR has several modules in one folder.
        if function.__module__.split(".")[:3] != ["conformance", "checks", MARKERS[BOOK.get(requirement_id).area]]
    }
    assert elsewhere == {}


def test_every_module_of_checks_is_loaded() -> None:
    folder = Path(checks.__file__).parent
    found = {".".join(path.relative_to(folder).with_suffix("").parts) for path in folder.rglob("*.py")}
    shared = {"common", "agreement.contradictions"}
    assert sorted(MODULES) == sorted(name for name in found - shared if not name.endswith("__init__"))


def test_every_check_says_its_ids_and_what_it_does() -> None:
    verbs = "compare|count|look for|look in|report"
    for function, ids in ids_of_checks().items():
        first, *_ = (function.__doc__ or "").splitlines()
        assert re.match(rf"{', '.join(ids)}: ({verbs}) [^;]+\.", first), f"{function.__module__}: {first}"


def searches_in_reprs(source: str) -> list[int]:
    """Return the lines that search in `str(...)` or `repr(...)`, where a missing id is found as `None`."""
    return [
        node.lineno
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Compare)
        for operator, right in zip(node.ops, node.comparators, strict=True)
        if isinstance(operator, ast.In | ast.NotIn)
        and isinstance(right, ast.Call)
        and isinstance(right.func, ast.Name)
        and right.func.id in ("str", "repr")
    ]


def test_no_check_searches_in_a_repr() -> None:
    files = Path(checks.__file__).parent.rglob("*.py")
    assert {file.name: found for file in files if (found := searches_in_reprs(file.read_text("utf-8")))} == {}


def test_a_search_in_a_repr_would_be_found() -> None:
    assert searches_in_reprs("x in str(y)\nall(str(a) not in repr(b) for a in c)\nx in y\nstr(x) in z") == [1, 2]


def test_a_freedom_is_reported_and_nothing_else_is() -> None:
    for function, ids in ids_of_checks().items():
        freedom = {BOOK.get(requirement_id).level == "PROFILE" for requirement_id in ids}
        assert freedom == {": report " in str(function.__doc__)}, ids


def test_a_second_check_for_an_id_is_refused() -> None:
    mine = all_checks()["INT-02"]

    def another(play: Play) -> None: ...

    with pytest.raises(ValueError, match=r"^two checks for INT-02: (\S+) and (\S+)$") as refused:
        check("INT-02")(another)
    assert f"{mine.__module__}.superseded_run_is_interrupted and {__name__}." in str(refused.value)
    assert all_checks()["INT-02"] is mine


def test_a_check_for_an_id_that_is_not_in_the_book_is_refused() -> None:
    def another(play: Play) -> None: ...

    with pytest.raises(ValueError, match="another: the rule book has no requirement INT-99"):
        check("INT-99")(another)
    assert "INT-99" not in all_checks()


def test_every_scenario_is_judged_by_something(plays: Mapping[str, Transcript]) -> None:
    unjudged = [name for name in plays if not any(r.applies_to(name) for r in BOOK.requirements)]
    assert unjudged == []


@pytest.fixture(scope="module")
def unseen(plays: Mapping[str, Transcript]) -> dict[str, Play]:
    """Every play as it would be if the agent did not reach the witness."""
    return {name: Play(unwitnessed(transcript)) for name, transcript in plays.items()}


@pytest.mark.parametrize("requirement", BOOK.requirements, ids=lambda r: r.id)
def test_a_requirement_needs_the_witness_exactly_where_it_says_so(
    requirement: registry.Requirement, unseen: dict[str, Play]
) -> None:
    mine = [play for name, play in unseen.items() if requirement.applies_to(name)]
    words = {judge(requirement, play, NOTHING_DECLARED).word for play in mine}
    if requirement.needs == "witness":
        assert words == {"INCONCLUSIVE"}, (
            f"the verdicts without the witness are {sorted(words)}: set `needs` to `probe` or `any`"
        )
    else:
        # Without the witness a run may end otherwise, so that a play has nothing to compare.
        assert words - {"NOT-APPLICABLE"} in ({"PASS"}, {"PASS", "INCONCLUSIVE"}), (
            f"the verdicts without the witness are {sorted(words)}: set `needs` to `witness`, or fix the check"
        )


@pytest.mark.parametrize("requirement", BOOK.requirements, ids=lambda r: r.id)
def test_what_any_agent_will_do_for_is_shown_without_steering_it(requirement: registry.Requirement) -> None:
    shown = [scenario for scenario in catalogue() if requirement.applies_to(scenario.id)]
    assert requirement.needs != "any" or not all(scenario.steered for scenario in shown)


def test_what_any_agent_will_do_for_does_not_look_at_what_the_agent_says(unseen: dict[str, Play]) -> None:
    for play in unseen.values():
        mine = [one for one in requirements_in(play.scenario.id) if one.needs == "any"]
        other = Play(edited(play.transcript, says_something_else))
        for requirement in mine:
            words = [judge(requirement, each, NOTHING_DECLARED).word for each in (play, other)]
            assert words[0] == words[1], f"{requirement.id} in {play.scenario.id} needs the `probe` agent"
