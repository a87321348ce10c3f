from pathlib import Path

import pytest

from mockserver.script import GUIDE, ScriptError, load


def test_the_default_script_is_the_guides_conversation() -> None:
    script = load()
    sf, nyc = script.conversation("what's the weather in SF?"), script.conversation("weather in nyc")
    assert sf is not None
    assert nyc is not None
    assert (sf.call_id, sf.query) == ("toolu_01MjNtVJwEcpujRGrf3x6Pih", "weather in san francisco")
    assert (nyc.call_id, nyc.query) == ("toolu_01KtE1m1ifPLQAx4fQLyZL9Q", "weather in new york city")
    assert "High 64F. Winds W at 10 to 20 mph." in sf.result
    assert sf.result.endswith('provides local & long-range weather ..."}]')
    assert nyc.answer.count("\n* ") == 4
    assert nyc.answer.endswith("Let me know if you need any other details!")
    assert "high of 64F" in sf.answer


def test_any_other_place_and_any_other_message() -> None:
    script = load()
    found = script.conversation("Weather in St. John's-on-Sea 2?")
    assert found is not None
    assert (found.call_id, found.query) == ("toolu_st_john_s_on_sea_2", "weather in st. john's-on-sea 2")
    assert found.answer.startswith("It is clear and 20C in st. john's-on-sea 2.")
    assert script.conversation("hello") is None
    assert script.answer_to_unmatched("{text} {place}") == "You said: {text} {place}"


@pytest.mark.parametrize(
    ("text", "named"),
    [("{", "truncated"), ("{}", "tool"), ('{"tool": 3}', "$.tool"), ('{"tolo": "x"}', "tolo")],
)
def test_a_bad_script_is_refused_with_its_name_and_place(tmp_path: Path, text: str, named: str) -> None:
    path = tmp_path / "mine.json"
    path.write_text(text)
    with pytest.raises(ScriptError, match=r"mine\.json") as caught:
        load(path)
    assert named in str(caught.value)
    assert GUIDE.exists()
