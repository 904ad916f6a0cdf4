"""From a request to a plan: which tasks, from what sources, how many rows of each."""
