from __future__ import annotations

import pytest
import torch

from finetune import loss


def test_losses_in_chunks_are_those_of_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    hidden, head, labels = torch.randn(37, 8), torch.randn(50, 8), torch.randint(0, 50, (37,))
    results = []
    for chunk in (2**27, 500):
        monkeypatch.setattr(loss, "CHUNK_LOGITS", chunk)
        h, w = hidden.clone().requires_grad_(), head.clone().requires_grad_()
        losses = loss.token_losses(h, w, labels)
        losses.sum().backward()
        assert h.grad is not None
        assert w.grad is not None
        results.append((losses.detach(), h.grad, w.grad))
    expected = torch.nn.functional.cross_entropy(hidden @ head.T, labels, reduction="none")
    assert torch.allclose(results[0][0], expected, atol=1e-6)
    for whole, chunked in zip(*results, strict=True):
        assert torch.allclose(whole, chunked, atol=1e-5)
