from __future__ import annotations


def few_shot():
    return []
