"""Writes a small made-up shop to raw/: four kinds of things, and users who like one kind each."""

from pathlib import Path

import numpy as np

N_USERS, N_ITEMS, N_KINDS = 100, 80, 4

raw = Path("raw")
raw.mkdir(exist_ok=True)
random = np.random.default_rng(0)

lines = ["user_id,item_id,timestamp"]
for user in range(N_USERS):
    liked = random.choice(np.arange(user % N_KINDS, N_ITEMS, N_KINDS), 10, replace=False)
    lines += [f"u{user},i{item},{time}" for time, item in enumerate(liked)]
(raw / "interactions.csv").write_text("\n".join(lines) + "\n")

titles = [f"i{item},Thing {item} of kind {item % N_KINDS}" for item in range(N_ITEMS)]
(raw / "items.csv").write_text("\n".join(["item_id,title", *titles]) + "\n")

shown = np.arange(N_ITEMS - 10)  # the last ten items have no picture
looks = random.normal(size=(N_KINDS, 32))  # what things of one kind have in common
features = looks[shown % N_KINDS] + 0.3 * random.normal(size=(len(shown), 32))
np.save(raw / "image_feat.npy", features.astype(np.float32))
(raw / "image_ids.txt").write_text("\n".join(f"i{item}" for item in shown) + "\n")
