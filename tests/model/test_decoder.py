"""The decoder's matrix products."""

import pytest
import torch

from kikitori.model.decoder import SideBySide, product

INPUTS, OUTPUTS = 512, 768
ROUNDING = {torch.float32: 1e-6, torch.bfloat16: 3e-3}


@pytest.mark.parametrize("rows", [1, 2, 40])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("adds", [False, True], ids=["alone", "plus"])
def test_a_product_is_that_of_its_factors(rows, dtype, adds):
    torch.manual_seed(0)
    x, weights = torch.randn(rows, INPUTS).to(dtype), torch.randn(OUTPUTS, INPUTS).to(dtype).t()
    plus = torch.randn(rows, OUTPUTS).to(dtype) if adds else None
    expected = x.double() @ weights.double() + (plus.double() if adds else 0)
    made = product(x, weights, plus)
    assert made.dtype == dtype
    assert (made.double() - expected).norm() / expected.norm() < ROUNDING[dtype]


@pytest.mark.parametrize("rows", [1, 40])
def test_matrices_side_by_side_are_one_matrix(rows):
    torch.manual_seed(0)
    x, weights = torch.randn(rows, INPUTS), torch.randn(INPUTS, OUTPUTS)
    parts = SideBySide(weights.split([512, 128, 128], dim=1))
    plus = torch.randn(rows, OUTPUTS)
    assert parts.shape == (INPUTS, OUTPUTS)
    torch.testing.assert_close(product(x, parts), x @ weights)
    torch.testing.assert_close(product(x, parts, plus), plus + x @ weights)


@pytest.mark.parametrize("enabled", [True, False])
def test_a_product_leaves_onednn_as_it_was(monkeypatch, enabled):
    monkeypatch.setattr(torch.backends.mkldnn, "enabled", enabled)
    x, weights = torch.ones(1, INPUTS).bfloat16(), torch.ones(OUTPUTS, INPUTS).bfloat16().t()
    product(x, weights)
    assert torch.backends.mkldnn.enabled == enabled
    with pytest.raises(RuntimeError):
        product(x[:, 1:], weights)
    assert torch.backends.mkldnn.enabled == enabled
