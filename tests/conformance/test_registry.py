from __future__ import annotations

import re

from conformance.requirements import registry
from conformance.requirements.areas import AREAS, MARKERS
from conformance.requirements.judged import requirements_in, scenarios_of
from conformance.scenarios.catalogue import catalogue
from conformance.scenarios.moves import Ask

BOOK = registry.load()


def test_scenario_ids_are_unique_and_spell_strategy_phase_endpoint_observer() -> None:
    ids = [scenario.id for scenario in catalogue()]
    assert len(ids) == len(set(ids))
    families = "interrupt|rollback|enqueue|reject|cancel|resume|delete|default|none"
    endpoints = "create|stream|wait|interrupt|rollback|many|run|thread"
    observers = "unwatched|joined|streamed|waited|join-streamed|two-joined|reconnected|stalled|slow|late"
    form = rf"({families})/[a-z-]+/({endpoints})/({observers})(/[a-z-]+)?"
    form += r"|leave/[a-z-]+/(stream|wait|join|join-stream)/(default|continue|cancel)(/[a-z-]+)?"
    form += r"|(bad-input|missing-thread|webhook|stateless|cron)(/[a-z-]+){1,2}"
    assert [name for name in ids if not re.fullmatch(form, name)] == []


def test_requests_that_are_wrong_have_names_of_their_own() -> None:
    for scenario in catalogue():
        named = [move.what for move in scenario.moves if isinstance(move, Ask)]
        assert len(named) == len(set(named)), scenario.id


def test_every_requirement_has_sources() -> None:
    for requirement in BOOK.requirements:
        assert requirement.sources, requirement.id
        assert requirement.sentence.endswith("."), requirement.id
        assert requirement.area in AREAS, requirement.id


def test_a_must_without_a_guide_or_published_description_has_an_argument() -> None:
    # A rule that was seen in one implementation only may be its habit, so it needs an argument before it binds others.
    authorities = ("https://docs.langchain.com/", "published API description")
    for requirement in BOOK.requirements:
        documented = any(source.startswith(authorities) for source in requirement.sources)
        if requirement.level == "MUST" and not documented:
            assert requirement.argument, requirement.id


def test_a_freedom_names_what_is_documented() -> None:
    for requirement in BOOK.requirements:
        assert (requirement.level == "PROFILE") == (requirement.documented is not None), requirement.id


def test_every_pattern_matches_a_scenario() -> None:
    ids = [scenario.id for scenario in catalogue()]
    for requirement in BOOK.requirements:
        for pattern in (*requirement.shown_by, *requirement.not_by):
            # On its own: another pattern of the requirement might match instead.
            alone = registry.Requirement(
                id="X-01", level="MUST", sentence="", sources=(), shown_by=(pattern,), not_by=()
            )
            assert any(alone.applies_to(name) for name in ids), f"{requirement.id}: {pattern} matches nothing"


def test_a_requirement_is_judged_where_its_patterns_say_so() -> None:
    # Here one by one, and there for the whole catalogue at once.
    foreign = "interrupt/of-a-test/create/unwatched"
    ids = [*(scenario.id for scenario in catalogue()), foreign]
    for name in ids:
        assert requirements_in(name) == tuple(one for one in BOOK.requirements if one.applies_to(name)), name
    assert requirements_in(foreign)
    for one in BOOK.requirements:
        assert scenarios_of(one.id) == tuple(name for name in ids if name != foreign and one.applies_to(name)), one.id


def test_every_area_has_a_marker() -> None:
    assert list(MARKERS) == list(AREAS)
    assert len(set(MARKERS.values())) == len(MARKERS)


def test_every_area_with_requirements_is_selected_by_its_marker() -> None:
    assert MARKERS["INT"] == "interrupt"
    assert all(marker.isidentifier() for marker in MARKERS.values())


def test_what_is_left_out_says_why() -> None:
    assert all(entry.reason.endswith(".") for entry in BOOK.left_out)


def test_every_scenario_is_described_in_a_sentence() -> None:
    assert [s.id for s in catalogue() if not s.about.endswith(".")] == []
