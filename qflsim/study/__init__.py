"""What users do with runs: run, replay, find stragglers, measure speed."""
