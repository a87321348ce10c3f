"""How each kind of move is made: one module per kind."""
