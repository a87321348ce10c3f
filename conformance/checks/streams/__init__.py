"""STR: streaming and join, in three modules: what streams carry, who joins or waits, and who disconnects."""
