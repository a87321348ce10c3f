"""Makes the page of the coverage, and its facts.

`python -m tests.api_coverage > docs/reference/api-coverage.md` writes the page. `python -m tests.api_coverage published
URL SERVER` prints the facts of a running server, for `published.json`.
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime

from tests.api_coverage import page, published


def main(arguments: list[str]) -> None:
    if arguments[:1] != ["published"]:
        print(page.render(), end="")
        return
    url, server = arguments[1:]
    operations = published.names_of(published.fetch(url))
    lines = [f"    {json.dumps(name)}: {json.dumps(named)}" for name, named in sorted(operations.items())]
    seen = datetime.now(UTC).date().isoformat()
    print(
        f'{{\n  "server": {json.dumps(server)},\n  "seen": "{seen}",\n  "operations": {{\n'
        + ",\n".join(lines)
        + "\n  }\n}"
    )


if __name__ == "__main__":
    main(sys.argv[1:])
