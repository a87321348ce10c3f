"""The engine: it creates runs, executes one at a time on each thread, stops them and settles them."""
