"""Train and evaluate a model: ``python run_recbole.py --model=DRepMRec --dataset=ml-100k-mm``."""

import sys

from recbole_drepmrec.cli import train

if __name__ == "__main__":
    sys.exit(train(sys.argv[1:]))
