"""A scenario: the file, its models, and the run that is built from it."""
