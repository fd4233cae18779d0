"""Train and evaluate a model: ``python run_recbole.py --model=DRepMRec --dataset=ml-100k-mm``."""

import sys

from recbole_drepmrec.cli import carry_out

if __name__ == "__main__":
    sys.exit(carry_out("train", sys.argv[1:]))
