"""Coverage-guided fuzzing of all that takes bytes from a stranger."""
