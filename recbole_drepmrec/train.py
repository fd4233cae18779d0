"""``recbole-drepmrec train`` and ``python run_recbole.py``: RecBole's options and any key."""

from pathlib import Path
from typing import Any

from recbole_drepmrec.arguments import (
    Parser,
    add_config_files,
    config_files,
    key_values,
    not_empty,
)
from recbole_drepmrec.errors import UserError


def command(arguments: list[str]) -> None:
    """Train and test a model, or go on with a run that was stopped.

    Args:
        arguments: RecBole's options and any ``--key=value`` or ``--key value``.

    Raises:
        UserError: Something that was given is wrong.
    """
    options, rest = _parser().parse_known_args(arguments)
    values = key_values(rest)
    if options.help:
        print(_help_text(Path(str(values.get("data_path", "dataset")))))
        return
    # Imported late: `--help` and a wrong option answer at once.
    from recbole_drepmrec.quick_start import run
    from recbole_drepmrec.registry import DEFAULT_DATASET, DEFAULT_MODEL

    files = config_files(options)
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


def _parser() -> Parser:
    parser = Parser(prog="run_recbole.py", add_help=False, allow_abbrev=False)
    add = parser.add_argument
    add("--model", "-m", type=not_empty, help="name of the model (DRepMRec)")
    add("--dataset", "-d", type=not_empty, help="name of the data set (ml-100k-mm)")
    add_config_files(parser, "YAML files, a later one wins")
    add("--nproc", type=int, default=1, help="processes on this machine (1)")
    add("--ip", default="localhost", help="address of the first machine (localhost)")
    add("--port", type=int, default=5678, help="port of the first machine (5678)")
    add("--world_size", type=int, default=-1, help="processes on all machines (those of this one)")
    add("--group_offset", type=int, default=0, help="rank of this machine's first process (0)")
    resume = "go on with a run that was stopped, such as saved/RUN_ID"
    add("--resume", metavar="RUN", type=not_empty, help=resume)
    add("--help", "-h", action="store_true", help="show this text")
    return parser


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
            _parser().format_help(),
            "Any configuration key is an option too: --epochs=50 --learning_rate 0.01",
            f"The keys of a model and what they mean: MODEL.yaml in {keys}",
            "",
            f"Multimodal models: {', '.join(MODELS)}",
            f"RecBole's general models: {', '.join(recbole_general_models())}",
            "Another model with user and item vectors wears BMA: --model=LightGCN+BMA",
            f"Data sets: {', '.join(known_datasets(data_path))}",
        ]
    )
