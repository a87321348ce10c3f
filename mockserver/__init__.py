"""A mock deployment of the LangGraph Agent Server API, deterministic and in memory."""
