"""A conformance suite for the double-texting semantics of the LangGraph Agent Server API."""
