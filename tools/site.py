"""Hooks of MkDocs, which make a site from files that are also read in the repository.

The pages link to files of the repository, as hosting services expect. The site has some of these files as pages, see
`PAGES`, and some as downloads, see `DOWNLOADS`. A link to any other file leads to the repository's public address.
There is none yet: until `[project.urls]` in pyproject.toml has a `Repository`, such a link becomes plain text.
"""

from __future__ import annotations

import posixpath
import re
import tomllib
from pathlib import Path
from typing import Final

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.nav import Link, Navigation
from mkdocs.structure.pages import Page

ROOT: Final = Path(__file__).parents[1]

PAGES: Final = {
    "ARCHITECTURE.md": "explanation/architecture.md",
    "CHANGELOG.md": "project/changelog.md",
    "CONTRIBUTING.md": "project/contributing.md",
    "RELEASING.md": "project/releasing.md",
    "SECURITY.md": "project/security.md",
    "conformance/agents/CONTRACT.md": "reference/probe-contract.md",
    "conformance/agents/javascript/README.md": "reference/probe-agent-javascript.md",
    "conformance/agents/python/README.md": "reference/probe-agent-python.md",
}
"""Files outside of `docs/` that are pages of the site, and where."""

DOWNLOADS: Final = {"conformance/schemas": "schemas", "build/example-report": "example"}
"""Folders that are copied into the site, and where."""

WIDE: Final = ("reference/compatibility.md",)
"""Pages whose tables need the room of the table of contents."""

EXAMPLE: Final = "example/report.html"

_FENCE: Final = re.compile(r"(^```.*?^```$)", re.DOTALL | re.MULTILINE)
_LINK: Final = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s]+)\)")


def on_config(config: MkDocsConfig) -> None:
    """Set the address of the repository, where pyproject.toml has one."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    config.repo_url = project.get("urls", {}).get("Repository")


def on_files(files: Files, config: MkDocsConfig) -> None:
    """Add the pages and downloads from outside of `docs/`. Raise FileNotFoundError without an example report."""
    if not (ROOT / "build/example-report/report.html").exists():
        raise FileNotFoundError("there is no example report: python -m tools.example_report build/example-report")
    for source, target in PAGES.items():
        files.append(File.generated(config, target, abs_src_path=str(ROOT / source)))
    for folder, target in DOWNLOADS.items():
        for path in sorted((ROOT / folder).rglob("*")):
            if path.is_file() and path.suffix in (".html", ".json"):
                name = f"{target}/{path.relative_to(ROOT / folder).as_posix()}"
                files.append(File.generated(config, name, abs_src_path=str(path)))


def on_nav(nav: Navigation, **_: object) -> None:
    """Add the example report, which is no page of MkDocs, behind the first entry."""
    nav.items.insert(1, Link("Example report", EXAMPLE))


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Return the text of a page with links that work on the site."""
    here = page.file.src_uri
    if here in WIDE:
        page.meta["hide"] = ["toc"]
    inverse = {target: source for source, target in PAGES.items()}
    source = inverse.get(here, f"docs/{here}")

    def moved(link: re.Match[str]) -> str:
        image, text, target = link.groups()
        path, hash_, anchor = target.partition("#")
        if not path or ":" in path or posixpath.normpath(posixpath.join(posixpath.dirname(here), path)) == EXAMPLE:
            return link.group()
        wanted = posixpath.normpath(posixpath.join(posixpath.dirname(source), path))
        found = _on_site(wanted, files)
        if found is not None:
            return f"{image}[{text}]({posixpath.relpath(found, posixpath.dirname(here) or '.')}{hash_}{anchor})"
        if config.repo_url:
            return f"[{text}]({config.repo_url.rstrip('/')}/blob/main/{wanted})"
        return text

    # Code blocks show links as text, and stay as they are.
    parts = _FENCE.split(markdown)
    return "".join(part if part.startswith("```") else _LINK.sub(moved, part) for part in parts)


def _on_site(path: str, files: Files) -> str | None:
    """Return the place of a file of the repository on the site, or None if it is not there."""
    if path in PAGES:
        return PAGES[path]
    for folder, target in {"docs": ".", **DOWNLOADS}.items():
        if path.startswith(f"{folder}/"):
            place = posixpath.normpath(f"{target}/{path.removeprefix(f'{folder}/')}")
            return place if files.get_file_from_path(place) else None
    return None
