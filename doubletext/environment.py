"""The environment variables that the suite reads."""

from __future__ import annotations

from typing import Final

# In a module of its own: the plugin that documents it must not import the suite, which reads it.
HEADER_VARIABLE: Final = "DOUBLETEXT_DEPLOYMENT_HEADERS"
"""Headers for every request to the deployment, one `Name: value` per line."""
