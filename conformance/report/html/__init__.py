"""The report as one self-contained page, `report.html`, made from `report.json` and the transcripts."""

from __future__ import annotations

from conformance.report.html.page import render_page, write_page

__all__ = ["render_page", "write_page"]
