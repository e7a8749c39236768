"""Loan tapes: readers of public layouts, a generator, the checks that all of them share, and the table of loans they give."""
