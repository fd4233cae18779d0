"""``recbole-drepmrec extract``: make a modality of raw texts or images."""

import argparse
import shlex
from pathlib import Path
from typing import Any

from recbole_drepmrec import compat
from recbole_drepmrec.arguments import Parser, add_config_files, config_files, parsed
from recbole_drepmrec.config import Config
from recbole_drepmrec.data.extractors import IMAGE_BACKENDS, TEXT_BACKENDS
from recbole_drepmrec.data.extractors.chunks import CHUNK_ROWS, Chunks
from recbole_drepmrec.data.extractors.encoding import encode_missing
from recbole_drepmrec.data.extractors.facts import digest, file_facts
from recbole_drepmrec.data.extractors.inputs import Inputs, image_inputs, text_inputs
from recbole_drepmrec.data.extractors.items import ItemFiles
from recbole_drepmrec.data.extractors.libraries import named_device
from recbole_drepmrec.data.extractors.property_text import add_modality, lines_to_add
from recbole_drepmrec.data.extractors.target import Target, examples
from recbole_drepmrec.errors import UserError
from recbole_drepmrec.libraries import versions
from recbole_drepmrec.registry import properties_folders, provide_dataset, recbole_properties

_PACKAGES = {
    "text": ("torch", "numpy", "sentence-transformers", "transformers"),
    "images": ("torch", "numpy", "pillow", "torchvision", "timm", "open_clip_torch"),
}
"""Packages whose versions are part of what features depend on."""


def run(arguments: list[str]) -> None:
    """Encode the texts or images of a data set's items and say what was written.

    Args:
        arguments: ``NAME --from text|images --model MODEL ...``.

    Raises:
        UserError: An option, the data set, the model or its library is not in order. What was
            encoded up to then is kept for the next run of the same command.
    """
    options = parsed(_parser(), arguments)
    if options is None:
        return
    _check(options)
    compat.quiet_known_warnings()
    config = _config(options)
    target = Target(Path(config["data_path"]), options.modality)
    target.check(config["modalities"])
    files = ItemFiles.from_config(config)
    if options.kind == "text":
        inputs = text_inputs(files, options.fields)
    else:
        inputs = image_inputs(files, options.folder, options.column)
    report = _encode(options, target, inputs)
    placed = _configure(options, config, target, report["dimensions"])
    target.remove_chunks()
    print("\n".join([*_summary(target, report, inputs.notes), *placed]))


def _parser() -> Parser:
    parser = Parser(prog="recbole-drepmrec extract", add_help=False, allow_abbrev=False)
    add = parser.add_argument
    add("name", metavar="NAME", help="the data set")
    add("--from", dest="kind", choices=("text", "images"), required=True, help="what is encoded")
    add("--modality", metavar="M", help="name of the new modality (text or image)")
    add("--fields", metavar="A,B", type=_words, help="text: columns of NAME.item to join")
    add("--folder", metavar="DIR", type=Path, help="images: folder of ITEMID.jpg, .png, .webp, ...")
    add("--column", metavar="C", help="images: column of NAME.item with paths, below --folder")
    add("--model", required=True, help="any name that the library knows, or a local one")
    backends = [*TEXT_BACKENDS, *IMAGE_BACKENDS]
    add("--backend", choices=backends, help="the library (sentence-transformers or timm)")
    add("--weights", metavar="W", help="images: a file; for open_clip also a name, such as openai")
    add("--batch_size", type=int, default=64, help=f"inputs at a time, 1 to {CHUNK_ROWS} (64)")
    add("--workers", type=int, default=0, help="processes that read images ahead (0)")
    add("--device", default="auto", help="auto, cpu, cuda, cuda:0, ... (auto)")
    add("--data_path", metavar="DIR", help="folder of data sets (dataset)")
    add_config_files(parser, "YAML files, if yours say how data are read")
    add("--help", "-h", action="store_true", help="show this text")
    return parser


def _check(options: argparse.Namespace) -> None:
    """Fill in what depends on ``--from``, and refuse what does not go with it."""
    texts = options.kind == "text"
    backends = list(TEXT_BACKENDS if texts else IMAGE_BACKENDS)
    options.backend = options.backend or backends[0]
    options.modality = options.modality or ("text" if texts else "image")
    if options.backend not in backends:
        raise UserError(
            f"--backend {options.backend} does not encode {options.kind}; choose "
            f"{' or '.join(backends)}."
        )
    for name in ("folder", "column", "weights") if texts else ("fields",):
        if getattr(options, name) is not None:
            raise UserError(f"--{name} has no meaning with --from {options.kind}; leave it out.")
    if texts and not options.fields:
        raise UserError("name the columns of NAME.item to encode: --fields title,description.")
    if not texts and options.folder is None and options.column is None:
        raise UserError("say where the images are: --folder DIR, or --column with their paths.")
    if not 1 <= options.batch_size <= CHUNK_ROWS:
        raise UserError(f"--batch_size is {options.batch_size}, expected 1 to {CHUNK_ROWS}.")
    if options.workers < 0:
        raise UserError(f"--workers is {options.workers}, expected 0 or more.")


def _config(options: argparse.Namespace) -> Config:
    """The data set's configuration, once its folder is there."""
    values = {"state": "error"}
    if options.data_path is not None:
        values["data_path"] = options.data_path
    config = Config("Pop", options.name, config_files(options), values)
    folder = Path(config["data_path"])
    if folder.resolve().is_relative_to(recbole_properties().parent.resolve()):
        raise UserError(
            f"{options.name} lies inside RecBole's package, where nothing is written; copy it to "
            "dataset/ under another name, or take ml-100k-mm."
        )
    provide_dataset(options.name, folder)
    if not folder.is_dir():
        raise UserError(
            f"{folder} does not exist; RecBole downloads {options.name} when a model is trained "
            "on it first, or bring it there."
        )
    return config


def _encode(options: argparse.Namespace, target: Target, inputs: Inputs) -> dict[str, Any]:
    """Encode what is not encoded yet, and write features, ids and report."""
    backend = (TEXT_BACKENDS | IMAGE_BACKENDS)[options.backend]
    encoder = backend(options.model, options.weights, named_device(options.device))
    inputs.notes.extend(encoder.notes)
    ids = list(inputs.source.ids)
    made = {
        "made_by": "recbole-drepmrec extract",
        **{name: getattr(options, name) for name in ("modality", "backend", "model", "weights")},
        "fields": options.fields,
        "folder": None if options.folder is None else str(options.folder),
        "column": options.column,
        "versions": versions(*_PACKAGES[options.kind]),
    }
    key = digest([made, file_facts(options.model), file_facts(options.weights), *inputs.facts])
    chunks = Chunks(target.chunks, key[:16], len(ids))
    if chunks.n_done():
        print(f"going on after {chunks.n_done():,} of {len(ids):,} inputs", flush=True)
    encode_missing(inputs.source, encoder, chunks, options.batch_size, options.workers)
    items = len(ids) + len(inputs.missing)
    return target.write(ids, chunks, {**made, "items": items, "missing": inputs.missing})


def _configure(
    options: argparse.Namespace, config: Config, target: Target, width: int
) -> list[str]:
    """Name the modality in the data set's property file, and say what to do next."""
    data_path = [] if options.data_path is None else ["--data_path", options.data_path]
    files = ["--config_files", *options.config_files] if options.config_files else []
    train = ["train", "--dataset", options.name, *data_path, *files]
    command = f"next: recbole-drepmrec {shlex.join(train)}"
    if target.modality in (config["modalities"] or {}):
        return [command]
    name = f"{options.name}.yaml"
    file = Path("properties", "dataset", name)
    inherited = properties_folders()[0] / "dataset" / name
    if not files and add_modality(file, inherited, target.modality, width):
        return [f"wrote {file}", command]
    where = files[-1] if files else str(file)
    return [f"add to {where}:", lines_to_add(target.modality, width), command]


def _summary(target: Target, report: dict[str, Any], notes: list[str]) -> list[str]:
    missing, broken = report["missing"], report["broken"]
    lines = [
        f"modality {target.modality}: {report['dimensions']:,} features of {report['rows']:,} of "
        f"{report['items']:,} items"
    ]
    if missing:
        lines.append(f"items without an input: {len(missing):,}, such as {', '.join(missing[:3])}")
    if broken:
        lines.append(f"broken inputs: {len(broken):,}, {examples(broken)}")
    lines += [f"note: {note}" for note in notes]
    return lines + [f"wrote {path}" for path in (target.features, target.ids, target.report)]


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]
