"""Rows to files: a job's table, shards of the mixture, and what makes a folder a dataset."""
