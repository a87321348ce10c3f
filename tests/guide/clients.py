"""Plays a guide's code as its reader would: as a Python script, as a script on Node, and in a shell with curl.

The placeholders are filled in. Nothing else is changed in Python and JavaScript. A shell command is repaired where it
sends invalid JSON.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests import forks
from tests.guide.guide import Guide
from tests.guide.node import node_environment
from tests.guide.printed import MARK, Printed

PLAY_SECONDS = 120.0
"""The longest that one guide may take, its own waiting included."""

WITHOUT_CURL = "DOUBLETEXT_WITHOUT_CURL"

# The page has this slip of the pen in all its curl commands.
_MISSPELT_URL = "<DEPLOY<ENT_URL>>"


class PlayError(RuntimeError):
    """A guide's code that failed. The text is its output."""


def play_python(guide: Guide, url: str, scratch: Path) -> Printed:
    """Run the Python blocks as one script. Raises `PlayError` when it fails."""
    script = scratch / "guide.py"
    blocks = [code.replace("<DEPLOYMENT_URL>", f'"{url}"') for code in guide.code("python")]
    script.write_text(f"print({MARK!r}, flush=True)\n".join(blocks), "utf-8")
    command = [sys.executable, "-m", "tests.guide.top_level_await", str(script)]
    done = forks.run(command, cwd=scratch, env=_environment(), timeout=PLAY_SECONDS)
    return _printed(_succeeded(done))


def play_javascript(guide: Guide, url: str, scratch: Path) -> Printed:
    """Run the JavaScript blocks as one module on Node. Raises `PlayError` when it fails."""
    script = scratch / "guide.mjs"
    blocks = [code.replace("<DEPLOYMENT_URL>", f'"{url}"') for code in guide.code("js")]
    script.write_text(f"console.log({json.dumps(MARK)});\n".join(blocks), "utf-8")
    environment = _environment() | node_environment(modules_for=scratch)
    # Found in the new PATH, which is not this process's.
    node = shutil.which("node", path=environment["PATH"])
    assert node is not None
    return _printed(_run([node, str(script)], scratch, environment))


def play_curl(guide: Guide, url: str, scratch: Path) -> Printed:
    """Run the shell blocks one by one, ids filled in from the answers. Raises `PlayError` when one fails."""
    helper, *blocks = guide.code("bash")
    (scratch / "pretty_print.sh").write_text(helper, "utf-8")
    filled = {"<DEPLOYMENT_URL>": url, _MISSPELT_URL: url}
    outputs: list[str] = []
    errors: list[str] = []
    for block in blocks:
        printed = ""
        for command in _playable(repaired(block), known=filled):
            done = _run(["bash", "-c", fill(command, filled)], scratch, _environment())
            printed += done.stdout
            errors.append(done.stderr)
            for answer in json_answers(done.stdout):
                filled |= {f"<{key.upper()}>": answer[key] for key in ("thread_id", "run_id") if key in answer}
        outputs.append(printed)
    return Printed(tuple(outputs), "".join(errors))


def repaired(command: str) -> str:
    """Return a shell command of a guide with valid JSON: no comma before a brace, no backslash before an apostrophe."""
    return re.sub(r",(\s*})", r"\1", command).replace("\\'", "'")


def fill(command: str, values: dict[str, str]) -> str:
    """Return a command with its placeholders replaced. Raise AssertionError if one is left."""
    for placeholder, value in values.items():
        command = command.replace(placeholder, value)
    assert not re.search(r"<[A-Z_]+>", command), command
    return command


def json_answers(printed: str) -> list[dict[str, Any]]:
    """Return the JSON objects that a command printed one after another, or none if it printed something else."""
    found: list[dict[str, Any]] = []
    rest = printed.strip()
    while rest.startswith("{"):
        answer, end = json.JSONDecoder().raw_decode(rest)
        found.append(answer)
        rest = rest[end:].strip()
    return found


def curl_is_missing() -> str | None:
    """Return one line with the remedy for a machine without curl, jq or bash, or None when nothing is missing."""
    missing = [tool for tool in ("bash", "curl", "jq") if shutil.which(tool) is None]
    if not missing:
        return None
    return f"install {' and '.join(missing)}, or set {WITHOUT_CURL}=1 to leave the guides' curl commands out"


def _playable(block: str, known: dict[str, str]) -> list[str]:
    """Split a block into the pieces that can be run: it may join a run whose id only its own first commands print."""
    if "<RUN_ID>" not in block or "<RUN_ID>" in known:
        return [block]
    first, _, rest = block.rpartition(" && curl")
    return [first, f"curl{rest}"]


def _environment() -> dict[str, str]:
    """Return this process's environment without a proxy for the tested server and without colours."""
    return {**os.environ, "NO_PROXY": "*", "no_proxy": "*", "NO_COLOR": "1"}


def _printed(done: subprocess.CompletedProcess[str]) -> Printed:
    return Printed(tuple(done.stdout.split(f"{MARK}\n")), done.stderr)


def _run(command: list[str], cwd: Path, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return _succeeded(
        subprocess.run(
            command, cwd=cwd, env=env, capture_output=True, encoding="utf-8", timeout=PLAY_SECONDS, check=False
        )
    )


def _succeeded(done: subprocess.CompletedProcess[str]) -> subprocess.CompletedProcess[str]:
    if done.returncode != 0:
        raise PlayError(f"exit code {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done
