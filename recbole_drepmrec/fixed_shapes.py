"""Where a batch's tensors must be of shapes that do not depend on its content."""

import torch


def has_fixed_shapes(device: torch.device) -> bool:
    """Whether tensors of a batch on this device are of shapes that do not depend on its content.

    A GPU knows such a shape when all that it has to do is done, and who asks for it waits so long.

    Args:
        device: Where the batch is.
    """
    return device.type != "cpu"
