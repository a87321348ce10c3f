"""A mock deployment inside a test process, controlled and inspected from Python, with or without pytest."""

from mockserver.deployment.mock_deployment import AsyncDeployment, MockDeployment

__all__ = ["AsyncDeployment", "MockDeployment"]
