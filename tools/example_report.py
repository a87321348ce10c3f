"""The report that the site shows as an example: `python -m tools.example_report DIR`.

A mock that makes one mistake is judged by its URL, as a vendor judges a server, so that the page has failures to show.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from mockserver import MockDeployment

DEFECT = "overlap_start"
"""The second run starts before the first one has stopped: the mistake whose timeline explains itself."""

SELECTION = "interrupt/during-tools or interrupt/lingering"
"""A few dozen scenarios are enough to fill every part of the page, and take seconds."""


def main(folder: Path) -> int:
    """Write the report, and return 0 if the suite found failures, as it must."""
    with MockDeployment(time="real", defects=[DEFECT]) as mock:
        suite = (sys.executable, "-m", "pytest", "conformance", "-q", "-k", SELECTION)
        # Eight at a time, as on the embedded mock: this server has workers for all of them.
        options = (f"--deployment-url=example={mock.url}", "--conformance-jobs=8", f"--conformance-report={folder}")
        done = subprocess.run((*suite, *options), stdout=subprocess.PIPE, encoding="utf-8", check=False)
    print(done.stdout.strip().splitlines()[-1])
    return 0 if done.returncode == pytest.ExitCode.TESTS_FAILED else 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
