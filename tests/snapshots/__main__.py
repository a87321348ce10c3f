"""Keeps the thread states of a report's folder as recordings: `python -m tests.snapshots REPORT_DIR`.

The diff that git shows of the snapshots, or between the folders of two versions, is what is reviewed.
"""

from __future__ import annotations

import sys
from pathlib import Path

from conformance.report.load import read_transcript
from conformance.report.report import transcript_path
from tests.snapshots.recordings import STRATEGIES, scenario_of, write


def main(folder: Path) -> None:
    """Record the four strategies from the transcripts of a run of the suite."""
    for strategy in STRATEGIES:
        print(write(read_transcript(folder / transcript_path(scenario_of(strategy))), strategy))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
