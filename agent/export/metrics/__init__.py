"""Series for Prometheus: their families, who adds them, and the text that they become."""
