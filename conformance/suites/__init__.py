"""The conformance suites: one module per family of scenarios, and one test per scenario and requirement."""
