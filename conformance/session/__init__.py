"""One run of the suite: its options, its deployments, and the plays on each deployment."""
