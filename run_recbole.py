"""Train and evaluate a model: ``python run_recbole.py --model=DRepMRec --dataset=ml-100k-mm``."""

import sys

try:
    from recbole_drepmrec.cli import carry_out
except ModuleNotFoundError as error:
    print(
        f"error: the package '{error.name}' is not installed for {sys.executable}; "
        "run `make setup`, then `source .venv/bin/activate`.",
        file=sys.stderr,
    )
    sys.exit(2)

if __name__ == "__main__":
    sys.exit(carry_out("train", sys.argv[1:]))
