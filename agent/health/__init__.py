"""The state-of-health estimator: pure, causal, one filter for each unit."""
