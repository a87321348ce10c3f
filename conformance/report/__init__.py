"""What becomes of verdicts: reports, pages, summaries, comparisons, and judging again."""
