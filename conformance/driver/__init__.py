"""Plays a scenario against a deployment and hands back the transcript; nothing here knows right from wrong.

`playing` is the whole play, `moves` says which function makes a move, `submitting`, `watching`, `waiting`, `stopping`,
`crons` and `reading` make them, `situation` is what they share, and `telling` puts a move into words.
"""
