"""GCNs of the modalities and the users' weights, against values worked out by hand."""

import torch

from recbole_drepmrec.graph import bipartite_matrix, interaction_graph
from recbole_drepmrec.nn import ModalityGCN, ModalityPreferences

# User 1 took items 1 and 2, user 2 item 2, nobody item 3; 0 is padding.
R = interaction_graph(torch.tensor([1, 1, 2]), torch.tensor([1, 2, 2]), 3, 4)
FEATURES = torch.tensor([[0.0, 0.0], [3.0, 4.0], [1.0, 0.0], [0.0, -2.0]])


def gcn(present: list[bool], n_layers: int) -> ModalityGCN:
    """A GCN of two dimensions whose MLP hands its input on, but for LeakyReLU."""
    mask = torch.tensor(present)
    adjacency = bipartite_matrix(R)
    one = ModalityGCN(FEATURES * mask.unsqueeze(1), mask, adjacency, 2, n_layers)
    with torch.no_grad():
        one.hidden.linear.weight.zero_()[:2] = torch.eye(2)
        one.output.weight.zero_()[:, :2] = torch.eye(2)
        one.preferences.copy_(torch.tensor([[0.0, 0.0], [2.0, 0.0], [0.0, 3.0]]))
    return one


def test_vectors_start_at_length_one_and_layers_add_up() -> None:
    users, items = gcn([False, True, True, True], 1)()
    half, root = 0.5, 0.5**0.5
    expected_users = [[0, 0], [1 + 0.6 * root + half, 0.8 * root], [root, 1.0]]
    torch.testing.assert_close(users, torch.tensor(expected_users))
    expected_items = [[0, 0], [0.6 + root, 0.8], [1 + half, root], [0, -1]]
    torch.testing.assert_close(items, torch.tensor(expected_items))


def test_an_item_without_the_modality_has_what_its_users_give() -> None:
    """Even with a bias, it starts at zero."""
    one = gcn([False, True, False, False], 1)
    with torch.no_grad():
        one.hidden.linear.bias.fill_(1.0)
        one.output.bias.fill_(1.0)
    _, items = one()
    torch.testing.assert_close(items[2], torch.tensor([0.5, 0.5**0.5]))
    assert items[3].abs().sum() == 0


def test_users_weigh_the_modalities_by_a_softmax() -> None:
    both = ModalityPreferences([gcn([False, True, True, True], n) for n in (0, 1)])
    with torch.no_grad():
        both.user_weights[1] = torch.tensor([3.0, 1.0]).log()
    users, items = both()
    assert (users.shape, items.shape) == ((3, 2, 2), (4, 2, 2))
    first, second = (one() for one in both.gcns)
    torch.testing.assert_close(users[1, 0], 0.75 * first.users[1])
    torch.testing.assert_close(users[1, 1], 0.25 * second.users[1])
    torch.testing.assert_close(users[2, 1], 0.5 * second.users[2])
    torch.testing.assert_close(items[:, 1], second.items)


def test_the_penalty_is_a_sum_of_mean_squares() -> None:
    """User 2 twice: (0 + 9) / 2 in each modality, and the weights' (1 + 9) / 2."""
    both = ModalityPreferences([gcn([False, True, True, True], 1)] * 2)
    with torch.no_grad():
        both.user_weights[2] = torch.tensor([1.0, -3.0])
    torch.testing.assert_close(both.penalty(torch.tensor([2, 2])), torch.tensor(4.5 + 4.5 + 5))
