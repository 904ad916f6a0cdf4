"""What people write: task, family, style, mixture and benchmark cards, read into one checked catalogue."""
