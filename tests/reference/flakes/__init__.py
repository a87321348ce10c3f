"""Several runs of the suite on each reference server, and the page of what changed from run to run."""
