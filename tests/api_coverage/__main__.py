"""Prints the facts of a running server for `published.json`: `python -m tests.api_coverage URL SERVER`."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime

from tests.api_coverage import published


def main(url: str, server: str) -> None:
    operations = published.names_of(published.fetch(url))
    lines = [f"    {json.dumps(name)}: {json.dumps(named)}" for name, named in sorted(operations.items())]
    seen = datetime.now(UTC).date().isoformat()
    print(
        f'{{\n  "server": {json.dumps(server)},\n  "seen": "{seen}",\n  "operations": {{\n'
        + ",\n".join(lines)
        + "\n  }\n}"
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
