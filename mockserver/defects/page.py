"""The defects as a page for readers: `python -m mockserver.defects.page > docs/reference/defects.md`."""

from __future__ import annotations

import importlib
import sys

from mockserver.defects.base import Defect
from mockserver.defects.registry import MODULES, defects, not_built

HEAD = """# What can go wrong

Made by `python -m mockserver.defects.page`; do not edit.

{built} ways in which a deployment gets something wrong, most of them as a real server was seen to, for the tests of an
application: each with what its client sees. They combine, and the mock does everything else right.

| | |
|---|---|
| on the command line | `python -m mockserver --defect ghost_run --defect cancel_500:2` |
| in Python | `mockserver.serving(defects=["ghost_run"])`, `mock_deployment.defect_on("ghost_run")` |
| in any language | `POST /_mock/defects` with `{{"name": "ghost_run"}}`; `DELETE /_mock/defects` |
| on one thread | `"thread_id": …`, in Python `thread_id=…` |
| only the next two times | `"times": 2`, in Python `times=2`, on the command line `:2` |

In the snippets `mock_deployment` is the fixture of [the mock's pytest plugin](../start/test-an-application.md), and
`ask_twice` stands for what the application under test does. Which requirement finds which defect is told
in [the rule book](requirements.md). Faults of the network have [a page of their own](../how-to/break-the-network.md).
"""

SNIPPET = """```python
def test_with_{name}(mock_deployment):
    mock_deployment.defect_on("{name}")
    ask_twice(mock_deployment.url)
```
"""


def render() -> str:
    """The whole page, Markdown."""
    lines = [HEAD.format(built=len(defects()))]
    for module in MODULES:
        kinds = [kind for kind in defects().values() if kind.__module__ == f"mockserver.defects.{module}"]
        lines.append(f"## {_heading(module)}\n")
        lines += [_entry(kind) for kind in kinds]
    lines.append("## Not built\n")
    lines += [f"- **{one.id}** `{one.name}`: {one.left_out}." for one in not_built()]
    return "\n".join(lines) + "\n"


def _heading(module: str) -> str:
    """What goes wrong there: the first line of the module, without its full stop."""
    doc = importlib.import_module(f"mockserver.defects.{module}").__doc__ or ""
    return doc.strip().splitlines()[0].rstrip(".")


def _entry(kind: type[Defect]) -> str:
    seen = f" Seen: {', '.join(_link(place) for place in kind.seen)}." if kind.seen else ""
    formerly = f" Formerly `{'`, `'.join(kind.former_names)}`." if kind.former_names else ""
    return "\n".join(
        (
            f"### `{kind.name()}`\n",
            f"{kind.summary()}{seen}{formerly}\n",
            f"*A client sees:* {kind.client}\n",
            SNIPPET.format(name=kind.name()),
        )
    )


def _link(place: str) -> str:
    if not place.startswith("https://github.com/"):
        return place
    parts = place.removeprefix("https://github.com/").split("/")
    short = "/".join(parts[:2]) + (f" {parts[3]}" if len(parts) == 4 and parts[2] in ("issues", "pull") else "")
    return f"[{short}]({place})"


if __name__ == "__main__":
    sys.stdout.write(render())
