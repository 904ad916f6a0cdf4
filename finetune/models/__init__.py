"""The models that can be trained: own T5 on flat tokens, decoder-only models and T5Gemma 2 of transformers."""
