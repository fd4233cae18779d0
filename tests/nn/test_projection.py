"""Projected features against values worked out by hand."""

import torch

from recbole_drepmrec.nn import FeatureProjection


def test_without_a_bias_it_is_a_product() -> None:
    features = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    projection = FeatureProjection(features, torch.tensor([True, True]), 3, bias=False)
    expected = features @ projection.linear.weight.T
    torch.testing.assert_close(projection(), expected)
    assert [name for name, _ in projection.named_parameters()] == ["linear.weight"]


def test_a_missing_row_is_zero_even_with_a_bias() -> None:
    features = torch.tensor([[0.0, 0.0], [1.0, 2.0], [0.0, 0.0]])
    projection = FeatureProjection(features, torch.tensor([False, True, False]), 1)
    with torch.no_grad():
        projection.linear.weight.copy_(torch.tensor([[3.0, 4.0]]))
        projection.linear.bias.fill_(0.5)
    assert projection().tolist() == [[0.0], [11.5], [0.0]]
    assert projection(torch.tensor([1, 0])).tolist() == [[11.5], [0.0]]
    assert set(projection.state_dict()) == {"linear.weight", "linear.bias"}
