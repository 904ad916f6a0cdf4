"""Rows and templates to text: pure functions, from one row's values to the rendered table of a job."""
