"""The published JSON Schemas: they match the written files, and written files can be read back."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import jsonschema_rs
import msgspec
import pytest

from conformance import schemas
from conformance.__main__ import main
from conformance.judge import profiles
from conformance.report.report import Report
from conformance.transcript.transcript import Transcript, decode, encode
from tests.conformance.runs import run_suite

REPORT, TRANSCRIPT = "report-1.schema.json", "transcript-1.schema.json"


def validator(name: str) -> Any:
    return jsonschema_rs.Draft202012Validator(msgspec.json.decode(schemas.published(name)))


def test_the_published_schemas_are_up_to_date() -> None:
    assert schemas.out_of_date() == [], "run: python -m conformance schemas"
    assert main(["schemas", "--check"]) == 0


@pytest.mark.parametrize("name", schemas.PUBLISHED)
def test_a_schema_is_one(name: str) -> None:
    schema = msgspec.json.decode(schemas.published(name))
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["$id"] == f"urn:doubletext:{name.split('.')[0]}"
    assert schema["title"].endswith(", version 1")


def test_a_schema_that_is_out_of_date_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(schemas, "published", lambda name: "{}" if name == REPORT else schemas.render(name))
    assert main(["schemas", "--check"]) == 1
    assert capsys.readouterr().err == f"{REPORT} is out of date; run: python -m conformance schemas\n"


def test_a_missing_schema_is_out_of_date(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> str:
        raise FileNotFoundError(name)

    monkeypatch.setattr(schemas, "published", missing)
    assert schemas.out_of_date() == list(schemas.PUBLISHED)


@pytest.mark.timeout(900)  # plays and validates the whole catalogue
def test_every_transcript_of_the_catalogue_is_valid_and_can_be_read_back(plays: Mapping[str, Transcript]) -> None:
    valid = validator(TRANSCRIPT)
    for transcript in plays.values():
        raw = encode(transcript)
        valid.validate(msgspec.json.decode(raw))
        assert encode(decode(raw)) == raw


@pytest.mark.parametrize("name", profiles.shipped())
def test_every_shipped_profile_is_valid(name: str) -> None:
    folder = files("conformance").joinpath("profiles")
    validator("profile-1.schema.json").validate(tomllib.loads(folder.joinpath(f"{name}.toml").read_text("utf-8")))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda raw: raw.pop("scenario"),
        lambda raw: raw.update(format="something-else"),
        lambda raw: raw.update(version=2),
        lambda raw: raw["moments"][0].update(kind="rumour"),
        lambda raw: raw["moments"][0].pop("seq"),
    ],
)
def test_what_is_no_transcript_is_refused_by_schema_and_type_alike(plays: Mapping[str, Transcript], spoil: Any) -> None:
    raw = msgspec.json.decode(encode(next(iter(plays.values()))))
    spoil(raw)
    assert not validator(TRANSCRIPT).is_valid(raw)
    # The schema is for other programs and the type for this one: a file must not pass one of them only.
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(raw, Transcript)


async def test_a_report_of_a_real_run_is_valid_and_leads_to_its_transcripts(tmp_path: Path) -> None:
    run = await run_suite(f"--conformance-report={tmp_path}", "-k", "interrupt/during-tools/create/unwatched::")
    assert run.code == 0, run.output
    raw = (tmp_path / "report.json").read_bytes()
    validator(REPORT).validate(msgspec.json.decode(raw))
    report = msgspec.json.decode(raw, type=Report)
    assert report.summary["PASS"] == len(report.results) > 20
    for transcript in read_transcripts(tmp_path, report):
        validator(TRANSCRIPT).validate(transcript)
        assert transcript["target"] == msgspec.to_builtins(report.target)
        assert transcript["suite"] == msgspec.to_builtins(report.suite)


def read_transcripts(folder: Path, report: Report) -> Iterator[dict[str, Any]]:
    paths = {result.transcript for result in report.results}
    assert paths == {"transcripts/interrupt/during-tools/create/unwatched.json"}
    for path in paths:
        assert path is not None
        yield msgspec.json.decode((folder / path).read_bytes())
