"""HTTP: the route table and its routes, and what may stand between them and the wire."""
