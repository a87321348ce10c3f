"""The HTTP layer: the route table, the routes, and the interceptors between the network and the routes."""
