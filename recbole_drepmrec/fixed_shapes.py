"""Whether a batch's tensors must be of shapes that do not depend on its content."""

import torch


def has_fixed_shapes(device: torch.device) -> bool:
    """Whether they must be on this device: on any GPU.

    A GPU knows a shape that depends on values when all that it has to do is done, and who asks for
    it waits so long.

    Args:
        device: Where the batch is.
    """
    return device.type != "cpu"
