"""A validation split out of training rows, for a source that has train and test only."""

from dataclasses import replace

import numpy as np

from recbole_drepmrec.data.importers.imported import SPLIT_SEED, SPLITS, Imported
from recbole_drepmrec.errors import UserError


def with_validation(imported: Imported, share: float) -> Imported:
    """Draw round(share n) of the n training interactions for validation. [ours]

    The draw is uniform, but each user keeps one interaction; the same data give the same draw.

    Args:
        imported: What an importer gave.
        share: Share of the training interactions, above 0 and below 1.

    Raises:
        UserError: There is no split, or one with validation; or nothing would be drawn.
    """
    train, valid, _ = SPLITS
    frame = imported.interactions.reset_index(drop=True)
    if not 0 < share < 1:
        raise UserError(f"--valid_share is {share}, expected a share above 0 and below 1.")
    if "split" not in frame:
        raise UserError(
            "--valid_share is given, but the source has no split; leave it out: training makes "
            "all three parts, as the configuration key `split_by` says."
        )
    if (frame["split"] == valid).any():
        raise UserError(
            "--valid_share is given, but the source has a validation part; leave it out."
        )
    rows = np.flatnonzero(frame["split"] == train)
    drawn = np.random.default_rng(SPLIT_SEED).permutation(rows)
    not_their_first = frame["user_id"].iloc[drawn].duplicated().to_numpy()
    chosen = drawn[not_their_first][: round(share * len(rows))]
    if not len(chosen):
        raise UserError(
            f"--valid_share is {share}, which draws none of the {len(rows)} training interactions "
            "(each user keeps one); raise it."
        )
    frame.loc[chosen, "split"] = valid
    note = f"{len(chosen)} of {len(rows)} training interactions were drawn for validation"
    return replace(
        imported, interactions=frame, notes=[*imported.notes, f"{note}, seed {SPLIT_SEED}"]
    )
