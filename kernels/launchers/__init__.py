"""What maps the scalar steps of the loan month over arrays: they loop and load, and hold no formula."""
