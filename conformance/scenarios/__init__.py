"""Scenarios: what a scenario and its moves are, and the catalogue of all of them."""
