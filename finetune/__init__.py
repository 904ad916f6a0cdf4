"""Finetuning: a build of flancollect becomes a model. Torch lives here, and nowhere else.

From run card to model: config (what to train) · tokenizer, token_cache (rows to tokens) · packing, batches (a pure
function of seed, step and rank) · models/, attention · loss and optim · train · checkpoint and export · report.
"""
