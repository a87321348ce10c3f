"""The functions that make the moves of a scenario, one module for each kind of move."""
