"""The environment variables that the suite reads."""

from __future__ import annotations

from typing import Final

HEADER_VARIABLE: Final = "DOUBLETEXT_DEPLOYMENT_HEADERS"
"""Headers for every request to the deployment, one `Name: value` per line."""
