"""Odd shapes made plain: one pure file per shape, named in cards by `reshape`.

A shape says which source columns it reads and which it adds; `flancollect.sources.reshape` runs it.
"""

from __future__ import annotations

from collections.abc import Mapping

from flancollect.sources.shapes import (
    casing,
    dialog_cut,
    dialog_turns,
    last_word,
    lettered_options,
    prompt_file,
    punctuation,
    questions,
    subject_prompts,
    word_segmentation,
)
from flancollect.sources.shapes.shape import Shape

# The one list of shapes: a card's `reshape` names a key of it, and error messages list the keys.
SHAPES: Mapping[str, Shape] = {
    "casing": casing.SHAPE,
    "dialog_cut": dialog_cut.SHAPE,
    "dialog_turns": dialog_turns.SHAPE,
    "last_word": last_word.SHAPE,
    "lettered_options": lettered_options.SHAPE,
    "prompt_file": prompt_file.SHAPE,
    "punctuation": punctuation.SHAPE,
    "questions": questions.SHAPE,
    "subject_prompts": subject_prompts.SHAPE,
    "word_segmentation": word_segmentation.SHAPE,
}
