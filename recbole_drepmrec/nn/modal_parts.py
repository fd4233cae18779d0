"""What each modality gives to the Modal Line's vectors."""

from torch import Tensor

from recbole_drepmrec.nn.modal_line import ModalLine, ModalOutput
from recbole_drepmrec.nn.representations import Representations

BEHAVIOR, POPULARITY, FUSED = "behavior", "popularity", "fused"
"""Names of the Behavior Line's part of the vectors, of the items' biases', and of them whole."""
ENCODED = "encoded"
"""Name of what a model without two lines encodes, apart from popularity."""


def part_name(modality: str) -> str:
    """What a modality's part of the vectors is called.

    Args:
        modality: The modality's name, any text.
    """
    taken = (BEHAVIOR, ENCODED, POPULARITY, FUSED)
    return f"modality {modality}" if modality in taken else modality


def modality_parts(line: ModalLine, output: ModalOutput) -> list[Representations]:
    """Split the Modal Line's users and items by modality; the parts add up to ``output.fused``.

        items   H_I^m[i] / c_i         users   H_U^m[u] / c_u

    with c the number of modalities that the item, or any item of the user, has. [ours]

    Args:
        line: The Modal Line.
        output: Its output.

    Returns:
        One a modality, users [n_users, d] and items [n_items, d].
    """
    items = [view / line.item_counts for view in output.item_views]
    return [
        Representations(users, part)
        for users, part in zip(_users(line, output, items), items, strict=True)
    ]


def _users(line: ModalLine, output: ModalOutput, items: list[Tensor]) -> list[Tensor]:
    if line.one_product:  # a user is the mean of their items, which have all modalities
        return [line.interactions(part) for part in items]
    return [
        encoder.smooth_users(means) / line.user_counts
        for encoder, means in zip(line.encoders, output.user_means, strict=True)
    ]
