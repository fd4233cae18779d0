"""The command line: ``recbole-drepmrec COMMAND`` and ``python run_recbole.py``."""

import argparse
import errno
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from recbole_drepmrec.arguments import Parser
from recbole_drepmrec.errors import UserError

OUT_OF_SPACE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS}


def main(arguments: list[str] | None = None) -> int:
    """Run ``recbole-drepmrec COMMAND ...`` and return the exit code.

    Args:
        arguments: The command line without the program; None reads it from ``sys.argv``.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    commands: dict[str, Callable[[list[str]], int]] = {
        "train": train,
        "prepare": prepare,
        "extract": extract,
        "info": info,
        "compare": compare,
        "ablate": ablate,
        "tune": tune,
        "report": report,
        "recommend": recommend,
        "similar": similar,
        "explain": explain,
        "add_items": add_items,
    }
    parser = argparse.ArgumentParser(
        prog="recbole-drepmrec", description="Multimodal recommendation with RecBole."
    )
    parser.add_argument(
        "command",
        choices=commands,
        help="train: train and test a model, as run_recbole.py does; "
        "prepare: read a data set of another layout and write it in ours; "
        "extract: make features of raw texts or images; "
        "info: say what a data set holds, with pictures; "
        "compare: train models on equal terms and tell whether they differ; "
        "ablate: compare DRepMRec with itself, a part taken away at a time; "
        "tune: search a model's settings by validation data; "
        "report: one page of all that a comparison or an ablation shows; "
        "recommend: lists of a finished run, for its users or new ones; "
        "similar: items or users alike, by behavior, by a modality or fused; "
        "explain: what a score is made of; "
        "add_items: let a finished run recommend items that it was not trained on",
    )
    command = parser.parse_args(arguments[:1]).command
    return commands[command](arguments[1:])


def train(arguments: list[str]) -> int:
    """Train and test a model, and return the exit code: 2 for a mistake in what was given.

    Args:
        arguments: RecBole's options and any ``--key=value`` or ``--key value``.
    """
    return _guarded(lambda: _train(arguments))


def prepare(arguments: list[str]) -> int:
    """Write a data set of another layout in ours, and return the exit code.

    Args:
        arguments: ``LAYOUT SOURCE --name NAME [--out DIR]``.
    """

    def action() -> None:
        from recbole_drepmrec.prepare import run  # late: `--help` answers at once

        run(arguments)

    return _guarded(action)


def extract(arguments: list[str]) -> int:
    """Make a modality of raw texts or images, and return the exit code.

    Args:
        arguments: ``NAME --from text|images --model MODEL ...``.
    """

    def action() -> None:
        from recbole_drepmrec.extract import run  # late: `--help` answers at once

        run(arguments)

    return _guarded(action)


def info(arguments: list[str]) -> int:
    """Say what a data set holds, and return the exit code.

    Args:
        arguments: ``NAME [--data_path DIR] [--out DIR]``.
    """

    def action() -> None:
        from recbole_drepmrec.info import run  # late: `--help` answers at once

        run(arguments)

    return _guarded(action)


def compare(arguments: list[str]) -> int:
    """Compare models on equal terms, and return the exit code: 1 if a run failed.

    Args:
        arguments: ``--models=A,B --datasets=C,D`` and more, and any ``--key=value`` of all runs.
    """

    def action() -> int:
        from recbole_drepmrec.compare import parser, run  # late: `--help` answers at once

        return _with_options(parser(), run, arguments)

    return _guarded(action)


def ablate(arguments: list[str]) -> int:
    """Compare DRepMRec with its ablations, and return the exit code: 1 if a run failed.

    Args:
        arguments: ``--dataset=D`` and more, and any ``--key=value`` of all runs.
    """

    def action() -> int:
        from recbole_drepmrec.ablate import parser, run  # late: `--help` answers at once

        return _with_options(parser(), run, arguments)

    return _guarded(action)


def tune(arguments: list[str]) -> int:
    """Search a model's settings, and return the exit code: 1 if no trial is finished.

    Args:
        arguments: ``--model=M --dataset=D`` and more, and any ``--key=value`` of all trials.
    """

    def action() -> int:
        from recbole_drepmrec.tune import parser, run  # late: `--help` answers at once

        return _with_options(parser(), run, arguments)

    return _guarded(action)


def report(arguments: list[str]) -> int:
    """Write one page of all that a comparison shows, and return the exit code.

    Args:
        arguments: ``OUT [--datasets=A,B] [--projection pca|umap] [--no_checkpoints]``.
    """

    def action() -> None:
        from recbole_drepmrec.report.command import run  # late: `--help` answers at once

        run(arguments)

    return _guarded(action)


def _with_options(
    parser: Parser, run: Callable[[Any, dict[str, Any]], int], arguments: list[str]
) -> int:
    """Read a command's options and configuration keys, and run it or show its help."""
    options, rest = parser.parse_known_args(arguments)
    if options.help:
        print(parser.format_help())
        return 0
    return run(options, key_values(rest))


def recommend(arguments: list[str]) -> int:
    """Recommend from a finished run, and return the exit code.

    Args:
        arguments: ``RUN [--users=U,V] [--k K] [--out FILE]`` and more.
    """

    def action() -> None:
        from recbole_drepmrec.inference import commands  # late: `--help` answers at once

        commands.recommend(arguments)

    return _guarded(action)


def similar(arguments: list[str]) -> int:
    """Name similar items or users of a finished run, and return the exit code.

    Args:
        arguments: ``RUN --items=I,J | --users=U,V [--by fused|behavior|MODALITY]`` and more.
    """

    def action() -> None:
        from recbole_drepmrec.inference import commands  # late: `--help` answers at once

        commands.similar(arguments)

    return _guarded(action)


def explain(arguments: list[str]) -> int:
    """Explain a score of a finished run, and return the exit code.

    Args:
        arguments: ``RUN --user U --item I``.
    """

    def action() -> None:
        from recbole_drepmrec.inference import commands  # late: `--help` answers at once

        commands.explain(arguments)

    return _guarded(action)


def add_items(arguments: list[str]) -> int:
    """Add items to a finished run, and return the exit code.

    Args:
        arguments: ``RUN --features M=FILE,N=FILE --ids FILE``.
    """

    def action() -> None:
        from recbole_drepmrec.inference.add_items_command import run  # late: as above

        run(arguments)

    return _guarded(action)


def _guarded(action: Callable[[], int | None]) -> int:
    """Run an action and return its exit code; a user's mistake is one message, no traceback."""
    try:
        return action() or 0
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # who reads the output, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        if error.errno in OUT_OF_SPACE:
            print(f"error: cannot write: {error}; free some space and run again.", file=sys.stderr)
        elif isinstance(error, PermissionError):
            print(f"error: {error}; check the file's owner and mode.", file=sys.stderr)
        else:
            raise
        return 2
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130


def _train(arguments: list[str]) -> None:
    options, rest = _train_parser().parse_known_args(arguments)
    values = key_values(rest)
    if options.help:
        print(_help_text(Path(str(values.get("data_path", "dataset")))))
        return
    # Imported late: `--help` and a wrong option answer at once.
    from recbole_drepmrec.quick_start import run
    from recbole_drepmrec.registry import DEFAULT_DATASET, DEFAULT_MODEL

    files = [file for entry in options.config_files for file in entry.split()]
    if options.resume:
        _check_resume(options, values)
    run(
        None if options.resume else options.model or DEFAULT_MODEL,
        None if options.resume else options.dataset or DEFAULT_DATASET,
        config_file_list=files,
        config_dict=values,
        resume=options.resume,
        nproc=options.nproc,
        world_size=options.world_size,
        ip=options.ip,
        port=options.port,
        group_offset=options.group_offset,
    )


def _check_resume(options: Any, values: dict[str, Any]) -> None:
    names = ("model", "dataset", "config_files")
    given = [name for name in names if getattr(options, name)] + list(values)
    if given:
        raise UserError(
            f"--resume goes on with {options.resume} as its config.json says, and --{given[0]} "
            "is given too; leave it out, or start a new run without --resume."
        )


def _train_parser() -> Parser:
    parser = Parser(prog="run_recbole.py", add_help=False, allow_abbrev=False)
    add = parser.add_argument
    add("--model", "-m", help="name of the model (DRepMRec)")
    add("--dataset", "-d", help="name of the data set (ml-100k-mm)")
    add("--config_files", nargs="*", default=[], help="YAML files, a later one wins")
    add("--nproc", type=int, default=1, help="processes on this machine (1)")
    add("--ip", default="localhost", help="address of the first machine (localhost)")
    add("--port", type=int, default=5678, help="port of the first machine (5678)")
    add("--world_size", type=int, default=-1, help="processes on all machines (those of this one)")
    add("--group_offset", type=int, default=0, help="rank of this machine's first process (0)")
    add("--resume", metavar="RUN", help="go on with a run that was stopped, such as saved/RUN_ID")
    add("--help", "-h", action="store_true", help="show this text")
    return parser


def key_values(arguments: list[str]) -> dict[str, Any]:
    """Read ``--key=value`` and ``--key value`` pairs.

    Args:
        arguments: What the options left over.

    Raises:
        UserError: A word belongs to no key, a key has no value, or two different ones.
    """
    values: dict[str, Any] = {}
    rest = list(arguments)
    while rest:
        word = rest.pop(0)
        key, equals, value = word.removeprefix("--").partition("=")
        if not word.startswith("--") or not key:
            raise UserError(f"'{word}' is no option; write --key=value.")
        if not equals:
            if not rest or rest[0].startswith("--"):
                raise UserError(f"--{key} has no value; write --{key}=VALUE.")
            value = rest.pop(0)
        if values.get(key, value) != value:
            raise UserError(f"--{key} is given twice, as '{values[key]}' and as '{value}'.")
        values[key] = value
    return values


def _help_text(data_path: Path) -> str:
    from recbole_drepmrec.registry import (
        MODELS,
        known_datasets,
        properties_folders,
        recbole_general_models,
    )

    keys = ", ".join(str(folder / "model") for folder in properties_folders())
    return "\n".join(
        [
            _train_parser().format_help(),
            "Any configuration key is an option too: --epochs=50 --learning_rate 0.01",
            f"The keys of a model and what they mean: MODEL.yaml in {keys}",
            "",
            f"Multimodal models: {', '.join(MODELS)}",
            f"RecBole's general models: {', '.join(recbole_general_models())}",
            "Another model with user and item vectors wears BMA: --model=LightGCN+BMA",
            f"Data sets: {', '.join(known_datasets(data_path))}",
        ]
    )
