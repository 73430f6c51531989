"""The processes: who waits for whom. No formula stands here."""
