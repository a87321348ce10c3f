"""Scripts that would exhaust time or memory are refused in one line, or fail one run and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from mockserver.script import files, patterns
from mockserver.script.load import ScriptError, load, parse
from tests.mockserver.stage import asking, on_stage

BOMB = "\n".join(
    ["a0: &a0 [x, x, x, x, x, x, x, x, x]", *(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12))]
)
EXPLODES = "(ab|a|b)+$"
LONG = "ab" * 100 + "!"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (BOMB, "script:6:5: its aliases expand to "),
        (
            "turns: [{steps: [{say: hi}]}]\nstate: &s\n  again: *s",
            "script:2:8: an alias refers to the part",
        ),
        ("turns: &t [*t]", "script:1:8: an alias refers to the part that contains it"),
        ("turns:\n- " + "[" * 150, "script:2:101: lists and objects are nested more than 100 deep"),
        ("{turns: " * 150, "script:1:801: lists and objects are nested more than 100 deep"),
        ("# " + "x" * files.MAX_BYTES, "script: a script has at most 4 MB"),
    ],
    ids=["aliases", "object in itself", "list in itself", "deep list", "deep object", "long"],
)
def test_what_is_beyond_a_bound_is_refused_in_one_line(text: str, said: str) -> None:
    with pytest.raises(ScriptError) as refused:
        parse(text)
    assert str(refused.value).startswith(said)
    assert "\n" not in str(refused.value)


def test_a_file_that_never_ends_is_refused() -> None:
    with pytest.raises(ScriptError, match=r"^/dev/zero: "):
        load(Path("/dev/zero"))


def test_aliases_that_are_used_with_measure_are_read() -> None:
    script = parse("turns: [{when: {text: a}, steps: &s [{say: hi}]}, {steps: *s}]")
    assert script.turns[0].steps == script.turns[1].steps


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("(((a{100}){100}){100}){100}", "expands to more than 10000 characters"),
        ("(?:[ab]{500}){500}", "expands to more than 10000 characters"),
        (r"\d{99999}", "expands to more than 10000 characters"),
        ("(" * 3000 + ")" * 3000, "too many nested groups"),
        ("(", "is not a regular expression"),
        ("(a|aa)+$", "takes too long on a text of 48 characters"),
        (r"(\w|\w\w)+$", "takes too long"),
    ],
)
def test_an_expression_that_is_too_large_or_wrong_is_refused_with_its_line(expression: str, said: str) -> None:
    with pytest.raises(ScriptError, match=said) as refused:
        parse(f"turns:\n- when: {{matches: '{expression}'}}\n  steps: [{{say: hi}}]")
    assert str(refused.value).startswith("script:2:9: ")


@pytest.mark.parametrize(
    "expression", [r"\d{4}-\d{2}-\d{2}", r"[{]{3}(?P<id>[0-9a-f]{8}(-[0-9a-f]{4}){3})[}]{3}", r".{0,5000}"]
)
def test_an_ordinary_expression_is_read(expression: str) -> None:
    patterns.check(expression)


async def test_an_expression_that_explodes_fails_its_run_and_nothing_else() -> None:
    script = parse(
        "turns: [{when: {text: fine}, steps: [{say: fine}]}, "
        f"{{when: {{matches: '{EXPLODES}'}}, steps: [{{say: nope}}]}}]"
    )
    async with on_stage(script=script) as stage:
        answer = await stage.http.post("/runs/wait", json={"assistant_id": "agent", "input": {"messages": LONG}})
        assert answer.json()["__error__"]["error"] == "SlowPatternError"
        assert EXPLODES in answer.json()["__error__"]["message"]
        answer = await stage.http.post("/runs/wait", json={"assistant_id": "agent", "input": {"messages": "fine"}})
        assert answer.json()["messages"][-1]["content"] == "fine"


async def test_an_expression_that_explodes_on_an_answer_fails_its_run() -> None:
    script = parse(
        f"turns: [{{steps: [{{interrupt: {{value: '?', cases: [{{matches: '{EXPLODES}', steps: [{{say: n}}]}}]}}}}]}}]"
    )
    async with on_stage(script=script) as stage:
        path = f"/threads/{stage.thread}/runs/wait"
        await stage.http.post(path, json={"assistant_id": "agent", "input": asking("sf")})
        answer = await stage.http.post(path, json={"assistant_id": "agent", "command": {"resume": LONG}})
        assert answer.json()["__error__"]["error"] == "SlowPatternError"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("turns: [{steps: [{channels: {a: 1" + "1" * 50_000 + "}}]}]", "script:1:33: a number has at most 400 digits"),
        ("turns: [" + "1," * 200_000 + "]", "script:1:200003: a script has at most 100000 values"),
        ("turns: !!int ''", "script: invalid YAML: "),
        ("turns: !!bool x", "script: invalid YAML: "),
        ("turns: !!timestamp x", "script:1:8: JSON has no value of the type `!!timestamp`"),
        ("turns: [{steps: [{channels: {a: .nan}}]}]", "script:1:33: JSON has no number `.nan`"),
        ("turns: [{steps: [{channels: {a: -.inf}}]}]", "script:1:33: JSON has no number `-.inf`"),
        ("turns: \ud800", "script: invalid YAML: "),
        ("turns: [{steps: [{call: {tool: a, args: {null: 1}}}]}]", "script:1:42: the key `null` is not text"),
        ("turns: [{steps: [{say: hi, say: ho}]}]", "script:1:28: the key `say` is there twice, first in 1:19. Remove"),
        ("turns:\n- steps: [{channels: {a: {true: 1}}}]", "script:2:27: the key `true` is not text"),
        ("turns:\n- steps: [{channels: {a: {1.5: 1}}}]", "script:2:27: the key `1.5` is not text"),
        ("turns:\n- when: {matches: '(?R)'}\n  steps: [{say: a}]", "script:2:9: `matches` refers to itself"),
        ("turns:\n- when: {matches: '(?:a|(?1))'}\n  steps: [{say: a}]", "script:2:9: `matches` refers to itself"),
    ],
)
def test_what_the_parser_cannot_take_is_one_line(text: str, said: str) -> None:
    with pytest.raises(ScriptError) as refused:
        parse(text)
    assert str(refused.value).startswith(said)
    assert "\n" not in str(refused.value)


def test_the_time_of_all_expressions_together_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    now, limits = 0.0, []

    def slow(expression: str, text: str, seconds: float) -> None:
        nonlocal now
        limits.append(seconds)
        now += patterns.SECONDS * 0.4

    monkeypatch.setattr(patterns, "process_time", lambda: now)
    monkeypatch.setattr(patterns, "search", slow)
    budget = patterns.Budget()
    for _ in range(4):
        budget.search(EXPLODES, LONG)
    # Each expression gets what those before it have left. Nothing is left for the fourth but to fail.
    assert limits == pytest.approx([patterns.SECONDS * share for share in (1, 0.6, 0.2)] + [0.001])
