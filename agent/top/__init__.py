"""The terminal screen: what a running agent knows, live. It knows the agent's API alone."""
