"""The conformance suites: one module per family of scenarios, one test per scenario and requirement."""
