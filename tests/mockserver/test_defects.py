"""Defects: their table, and how they are switched on, combined, armed and switched off."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from mockserver.app import create_app
from mockserver.control.routes import COMMANDS
from mockserver.core.policy import Policy
from mockserver.core.records import Thread
from mockserver.defects import Defect, UnknownDefectError, defects, named, registry
from mockserver.defects.base import SEAMS
from mockserver.vocabulary import Strategy
from mockserver.web.http import ENGINE
from tests.mockserver.stage import Stage, asking, on_stage


def test_every_candidate_has_one_id_and_one_name() -> None:
    numbers = [kind.id for kind in defects().values()] + [one.id for one in registry.not_built()]
    # Numbers are given in branches and are never reused, so a number may be missing.
    assert len(set(numbers)) == len(numbers)
    assert all(re.fullmatch(r"D(0[1-9]|[1-9]\d+)", number) for number in numbers)
    former = [name for kind in defects().values() for name in kind.former_names]
    names = [*defects(), *former, *(one.name for one in registry.not_built())]
    assert sorted(names) == sorted(set(names))
    assert {name: named(name) for name in defects()} == defects()


def test_every_module_of_defects_is_looked_through() -> None:
    machinery = {"__init__", "base", "page", "registry", "states", "switches"}
    assert {source.stem for source in Path(registry.__file__).parent.glob("*.py")} == {*registry.MODULES, *machinery}


@pytest.mark.parametrize("kind", defects().values(), ids=list(defects()))
def test_a_defect_says_what_it_gets_wrong_and_overrides_a_seam(kind: type[Defect]) -> None:
    assert (kind.__doc__ or "").strip().partition("\n\n")[0].endswith(".")
    assert kind.client.endswith(".")
    assert all(place.strip() for place in kind.seen)
    assert any(seam in vars(one) for one in kind.__mro__[:-1] for seam in SEAMS)


@pytest.mark.parametrize("missing", ["id", "rule", "seen", "client"])
def test_a_defect_that_lacks_an_attribute_is_refused(missing: str) -> None:
    stated = {"id": "D01", "rule": "INT-02", "seen": (), "client": "Nothing."}
    module = ModuleType("mockserver.defects.made_up")

    def kind(name: str, base: type[Defect], without: str = "") -> type[Defect]:
        given = {key: value for key, value in stated.items() if key != without}
        made = type(name, (base,), {**given, "__module__": module.__name__})
        vars(module)[name] = made
        return made

    whole = kind("WholeOne", Defect)
    assert registry.defects_in(module) == {"whole_one": whole}
    # What its base states is about the base.
    kind("LackingOne", whole, without=missing)
    said = f"the defect mockserver.defects.made_up.LackingOne lacks `{missing}`; add it as a class attribute"
    with pytest.raises(TypeError, match=re.escape(said)):
        registry.defects_in(module)


def test_an_unknown_name_is_told_the_nearest() -> None:
    with pytest.raises(UnknownDefectError, match="there is no defect `gost_run`; the nearest is `ghost_run`"):
        named("gost_run")
    with pytest.raises(UnknownDefectError):
        create_app(defects=["x"])


async def test_a_former_name_switches_the_same_defect() -> None:
    assert named("stateless_shared") is named("stateless_thread_left")
    async with on_stage(defects=["stateless_shared"]) as stage:
        [shown] = (await stage.http.get("/_mock/defects")).json()["on"]
        assert shown["name"] == "stateless_thread_left"
        assert (await stage.http.delete("/_mock/defects/stateless_shared")).json() == {"on": []}
        [shown] = (await stage.http.post("/_mock/defects", json={"name": "stateless_shared"})).json()["on"]
        assert shown["name"] == "stateless_thread_left"
        assert (await stage.http.delete("/_mock/defects/stateless_thread_left")).json() == {"on": []}


async def interrupted(stage: Stage) -> tuple[str, str]:
    """Return the final statuses of a run and of the run that interrupts it."""
    first = await stage.held("A", "sf", "tools:1/enter")
    second = await stage.create("B", "nyc", "interrupt")
    stage.witness.release()
    await stage.join(second)
    await stage.join(first)
    return await stage.status(first), await stage.status(second)


async def test_without_a_defect_the_rules_are_the_documented_ones() -> None:
    async with on_stage() as stage:
        assert await interrupted(stage) == ("interrupted", "success")


async def test_a_defect_from_the_first_request_on() -> None:
    async with on_stage(defects=["interrupt_as_enqueue"]) as stage:
        assert await interrupted(stage) == ("success", "success")


async def test_defects_combine() -> None:
    async with on_stage(defects=["foreign_status", "created_201", "foreign_thread_status"]) as stage:
        answer = await stage.http.post(
            f"/threads/{stage.thread}/runs", json={"assistant_id": "agent", "input": asking("sf")}
        )
        assert answer.status_code == 201
        assert (await stage.http.get(f"/threads/{stage.thread}")).json()["status"] == "running"
        await stage.join(answer.json()["run_id"])
        assert await interrupted(stage) == ("cancelled", "success")


async def test_a_defect_on_top_of_rules_of_ones_own() -> None:
    class Rejecting(Policy):
        def default_strategy(self, thread: Thread) -> Strategy:
            return "reject"

    async with on_stage(policy=Rejecting(), defects=["reject_422"]) as stage:
        await stage.held("A", "sf", "tools:1/enter")
        answer = await stage.http.post(f"/threads/{stage.thread}/runs", json={"assistant_id": "agent"})
        assert answer.status_code == 422


async def test_a_defect_on_one_thread_only() -> None:
    async with on_stage() as stage:
        other = await stage.client.threads.create()
        command = {"name": "interrupted_as_error", "thread_id": stage.thread}
        answer = await stage.http.post("/_mock/defects", json=command)
        assert answer.json()["on"] == [
            {"name": "interrupted_as_error", "thread_id": stage.thread, "left": None, "chances": 0}
        ]
        assert await interrupted(stage) == ("error", "success")
        stage.thread = other["thread_id"]
        assert await interrupted(stage) == ("interrupted", "success")


async def test_a_defect_that_is_armed_strikes_so_often_and_no_more() -> None:
    async with on_stage() as stage:
        await stage.http.post("/_mock/defects", json={"name": "interrupted_as_error", "times": 2})
        ended = [(await interrupted(stage))[0] for _ in range(3)]
        assert ended == ["error", "error", "interrupted"]
        [shown] = (await stage.http.get("/_mock/defects")).json()["on"]
        assert (shown["left"], shown["chances"]) == (0, 3)


async def test_a_status_that_was_told_wrongly_once_stays_so() -> None:
    async with on_stage(defects=[named("foreign_status")(1)]) as stage:
        first = await stage.held("A", "sf", "tools:1/enter")
        second = await stage.create("B", "nyc", "interrupt")
        await stage.join(second)
        assert [await stage.status(first) for _ in range(3)] == ["cancelled"] * 3
        assert (await interrupted(stage))[0] == "interrupted"


async def test_defects_are_switched_off() -> None:
    async with on_stage(defects=["created_201", "interrupt_as_reject"]) as stage:
        one = {"name": "foreign_thread_status", "thread_id": stage.thread}
        await stage.http.post("/_mock/defects", json=one)
        left = (await stage.http.delete("/_mock/defects/created_201")).json()["on"]
        assert [shown["name"] for shown in left] == ["interrupt_as_reject", "foreign_thread_status"]
        left = (await stage.http.delete(f"/_mock/defects?thread_id={stage.thread}")).json()["on"]
        assert [shown["name"] for shown in left] == ["interrupt_as_reject"]
        assert (await stage.http.delete("/_mock/defects")).json() == {"on": []}
        assert await interrupted(stage) == ("interrupted", "success")


async def test_the_control_api_refuses_what_it_does_not_know() -> None:
    async with on_stage() as stage:
        unknown = await stage.http.post("/_mock/defects", json={"name": "ghostrun"})
        assert unknown.status_code == 404
        assert unknown.json()["detail"].startswith("there is no defect `ghostrun`; the nearest is `ghost_run`, then ")
        nobody = "00000000-0000-4000-8000-000000000000"
        missing = await stage.http.post("/_mock/defects", json={"name": "ghost_run", "thread_id": nobody})
        assert missing.status_code == 404
        for body in ({"name": "ghost_run", "times": 0}, {"name": "ghost_run", "time": 1}, {"name": 1}, {}):
            assert (await stage.http.post("/_mock/defects", json=body)).status_code == 422
        assert (await stage.http.get("/_mock/nonsense")).status_code == 404


async def test_the_control_api_tells_what_it_offers_and_what_there_is() -> None:
    async with on_stage() as stage:
        told = (await stage.http.get("/_mock")).json()["commands"]
        assert len(told) == len(COMMANDS)
        assert all(line.endswith(".") and "None" not in line for line in told)
        known = (await stage.http.get("/_mock/defects")).json()["known"]
        assert list(known) == list(defects())


def test_a_plain_deployment_imports_no_defect() -> None:
    code = "import sys, mockserver.app; mockserver.app.create_app(); print('mockserver.defects' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_the_thread_of_an_application_has_the_plain_rules() -> None:
    app = create_app()
    assert type(app[ENGINE].threads.create_thread().policy) is Policy
