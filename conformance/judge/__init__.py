"""What a record shows, as answers to questions; nothing in here judges."""
