"""The ten films that the newest run of DRepMRec proposes to a user."""

from pathlib import Path

import pandas as pd
from recbole.utils.case_study import full_sort_topk

from recbole_drepmrec.quick_start import load

run = max(Path("saved").glob("DRepMRec-*"), key=lambda folder: folder.stat().st_mtime)
trained = load(run)
user = trained.dataset.token2id("user_id", ["196"])
_, top = full_sort_topk(user, trained.model, trained.test_data, k=10)

items = pd.read_csv("dataset/ml-100k-mm/ml-100k-mm.item", sep="\t", dtype=str)
titles = dict(zip(items["item_id:token"], items["movie_title:token_seq"], strict=True))
for item in trained.dataset.id2token("item_id", top[0]):
    print(titles[item])
