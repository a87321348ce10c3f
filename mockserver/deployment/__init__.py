"""A mock deployment inside a test process, controlled and inspected from Python, with or without pytest."""

from mockserver.deployment.async_deployment import AsyncDeployment
from mockserver.deployment.mock_deployment import MockDeployment

__all__ = ["AsyncDeployment", "MockDeployment"]
