"""Execute a plan, preview it, and trace what came out of it."""
