"""The engine: creates runs, lets one at a time execute on each thread, stops and settles them."""
