"""The README, attribution and bibliography of a published dataset: manifest in, text out."""
