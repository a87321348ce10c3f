"""The JSON that the API shows: records, and the events of every kind of stream."""
