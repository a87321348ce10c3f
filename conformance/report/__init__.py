"""The results of a run: reports, pages, summaries, comparisons, and judging again."""
