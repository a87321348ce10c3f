"""Scripts as files: what a good one says, and how a bad one is refused."""

import json
import re
from pathlib import Path

import jsonschema  # type: ignore[import-untyped]  # its types are a package of their own
import msgspec
import pytest
import yaml

from mockserver.core.script_cursor import Cursor, TurnContext, enter, fill
from mockserver.script.actions import Call, Failure, Result
from mockserver.script.load import GUIDE, GUIDE_AS_JSON, ScriptError, built_in, load, parse, schema
from mockserver.script.types import Interrupt, Script, Step, Turn, When


def begin(script: Script, text: str) -> Cursor:
    return enter(script, [{"type": "human", "content": text, "id": "1"}], TurnContext())


def said(cursor: Cursor) -> list[object]:
    """Return the outputs that the steps of a turn state, in one line each."""
    lines: list[object] = []
    while (step := cursor.step) is not None:
        call = step.calls[0] if step.calls else None
        lines.append(fill([call.id, call.args["query"]] if call else step.say or step.results[0].content, cursor.fills))
        cursor = cursor.passed()
    return lines


def test_the_default_script_is_the_guides_conversation() -> None:
    script = load()
    sf, nyc = said(begin(script, "what's the weather in SF?")), said(begin(script, "weather in nyc"))
    assert (sf[0], nyc[0]) == (
        ["toolu_01MjNtVJwEcpujRGrf3x6Pih", "weather in san francisco"],
        ["toolu_01KtE1m1ifPLQAx4fQLyZL9Q", "weather in new york city"],
    )
    assert "High 64F. Winds W at 10 to 20 mph." in str(sf[1])
    assert str(sf[1]).endswith('provides local & long-range weather ..."}]')
    assert str(nyc[2]).count("\n* ") == 4
    assert str(nyc[2]).endswith("Let me know if you need any other details!")
    assert "high of 64F" in str(sf[2])


def test_any_other_place_and_any_other_message() -> None:
    script = load()
    call, _, answer = said(begin(script, "Weather in St. John's-on-Sea 2?"))
    assert call == ["toolu_st_john_s_on_sea_2", "weather in st. john's-on-sea 2"]
    assert str(answer).startswith("It is clear and 20C in st. john's-on-sea 2.")
    assert said(begin(script, "weather in sf tomorrow"))[0] == ["toolu_sf_tomorrow", "weather in sf tomorrow"]
    assert said(begin(script, "hello")) == ["You said: hello"]
    assert said(begin(script, "{text} {place}")) == ["You said: {text} {place}"]


@pytest.mark.parametrize(
    ("text", "line", "told"),
    [
        ("turns:\n  - name: a: b\n", 2, "invalid YAML"),
        ("", 0, "the script is empty. Add `turns`"),
        ("turns:\n  - steps:\n      - sai: hello\n", 3, "unknown key `sai`. Did you mean `say`?"),
        ("turns:\n  - when: {contians: x}\n    steps: [{say: x}]\n", 2, "Did you mean `contains`?"),
        ("version: 1\nturn: []\n", 2, "unknown key `turn`. Did you mean `turns`?"),
        ("turns:\n  - steps:\n      - say: x\n        takes: soon\n", 4, "expected a number, got a text"),
        ("turns: []\n", 1, "expected a list that is not empty"),
        ("turns:\n- steps:\n  - say: x\n  - {}\n", 4, "the step does nothing"),
        ("turns:\n- steps:\n  - say: x\n    result: y\n", 3, "Split it into two steps"),
        ("turns:\n- steps:\n  - repeat: 2\n", 3, "`repeat` and `steps` go together"),
        ("turns:\n- steps:\n  - {repeat: 2, steps: [{say: x}], say: y}\n", 3, "Move `say` into its `steps`"),
        ("turns:\n- when: {matches: '('}\n  steps: [{say: x}]\n", 2, "not a regular expression"),
        ("turns:\n- steps: [{say: one two, tokens: [one, two]}]\n", 2, "must join to the text"),
        ("turns:\n- steps: [{channels: {messages: []}}]\n", 2, "`messages` cannot be in `channels`"),
        ("turns:\n- steps:\n  - {parallel: [{say: x}, {say: y}]}\n", 3, "Give each its own `node`"),
        ("turns:\n- steps:\n  - {parallel: [{say: x}], say: y}\n", 3, "Move `say` into its `parallel`"),
        ("turns:\n- steps:\n  - parallel: [{say: x}, {node: b, repeat: 2, steps: [{say: y}]}]\n", 3, "no other keys"),
        ("turns:\n- steps:\n  - parallel: [{say: x}, {parallel: [{say: x}, {node: y, say: x}]}]\n", 3, "Give each"),
        ("content: block\nturns: [{steps: [{say: x}]}]\n", 1, "Did you mean `blocks`?"),
        ("turns:\n- steps:\n  - result: {content: x, status: errro}\n", 3, "Did you mean `error`?"),
        ("channels: {todos: apend}\nturns: [{steps: [{say: x}]}]\n", 1, "Did you mean `append`?"),
    ],
)
def test_a_bad_script_is_refused_in_one_line_with_its_place_and_a_hint(
    tmp_path: Path, text: str, line: int, told: str
) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(ScriptError) as caught:
        load(path)
    shown = str(caught.value)
    assert shown.startswith(f"{path}:{line}:" if line else f"{path}: ")
    assert told in shown
    assert "\n" not in shown


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    for name, told in (("missing.yaml", "No such file"), ("binary", "UTF-8")):
        with pytest.raises(ScriptError, match=told):
            load(tmp_path / name)


def test_the_schema_for_editors_takes_what_the_loader_takes() -> None:
    published = schema()
    validator = jsonschema.Draft202012Validator(published)
    validator.check_schema(published)
    validator.validate(yaml.safe_load(GUIDE.read_text()))
    with pytest.raises(jsonschema.ValidationError, match="sai"):
        validator.validate({"turns": [{"steps": [{"sai": "hello"}]}]})


def test_the_built_in_conversation_is_the_same_in_both_files() -> None:
    shown = json.dumps(yaml.safe_load(GUIDE.read_text("utf-8")), indent=1, ensure_ascii=False) + "\n"
    assert GUIDE_AS_JSON.read_text("utf-8") == shown, f"write this into {GUIDE_AS_JSON}:\n{shown}"
    assert msgspec.to_builtins(built_in()) == msgspec.to_builtins(load())


def test_the_same_script_in_python_is_checked_as_soon_as_it_is_made() -> None:
    made = Script(
        turns=[
            Turn(
                when=When(contains="refund"),
                steps=[
                    Step(call=Call(tool="look_up", args={"id": 7}), takes=0.4),
                    Step(result=[Result(content="shipped", status="error")]),
                    Step(interrupt=Interrupt(value="Sure?"), say="Sent: {resume}"),
                    Step(say="no", error=Failure(type="ValueError", message="broken")),
                ],
            )
        ],
    )
    assert parse(msgspec.json.encode(made).decode()) == made
    with pytest.raises(ValueError, match="the step does nothing"):
        Step()
    with pytest.raises(ValueError, match=re.escape("not a regular expression")):
        When(matches="[")
