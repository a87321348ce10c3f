"""What the API shows of records and of runs at work: JSON, and the events of every kind of stream."""
