"""What the page says of one data set, a section after the other."""

from dataclasses import dataclass, field

from recbole_drepmrec.evaluation.ablations import FULL, MODEL, ablation_table, modality_parts
from recbole_drepmrec.evaluation.analysis import Analysis, analyse
from recbole_drepmrec.evaluation.plan import INDIFFERENT_KEYS, Variant
from recbole_drepmrec.evaluation.quality_tables import breakdown, differences, ranking
from recbole_drepmrec.evaluation.split import Split
from recbole_drepmrec.evaluation.store import Comparison
from recbole_drepmrec.evaluation.table import Table
from recbole_drepmrec.evaluation.tables import TEST_NAMES, cost, coverage
from recbole_drepmrec.report.alignment import has_two_lines, read_alignment
from recbole_drepmrec.report.alignment_pictures import alignment_picture, alignment_table
from recbole_drepmrec.report.choice import in_colour
from recbole_drepmrec.report.curves import learning, similarity
from recbole_drepmrec.report.examples import RULE, Example, examples
from recbole_drepmrec.report.intervals import intervals
from recbole_drepmrec.report.projection import Method
from recbole_drepmrec.report.svg import Picture
from recbole_drepmrec.run_folder import RunFolder

ALIGNED_MODELS = 3
"""Models whose alignment is drawn, at most: each takes loading its data set."""


@dataclass(frozen=True)
class Section:
    """A heading and what stands below it.

    Attributes:
        anchor: Its name in links.
        title: The heading.
        text: Sentences below it.
        command: A command that gives what is missing here.
        pictures: Pictures.
        tables: Tables.
        examples: Users with their lists.
    """

    anchor: str
    title: str
    text: str = ""
    command: str = ""
    pictures: list[Picture] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    examples: list[Example] = field(default_factory=list)


@dataclass(frozen=True)
class DatasetReport:
    """All sections of a data set.

    Attributes:
        name: The data set.
        facts: Its size, in a sentence.
        sections: In the order of the page.
    """

    name: str
    facts: str
    sections: list[Section]


def dataset_report(comparison: Comparison, dataset: str, method: Method | None) -> DatasetReport:
    """Draw and tell what the runs on a data set show.

    Args:
        comparison: What was run; at least one run on the data set is finished.
        dataset: The data set.
        method: How representations are put into a plane; None leaves checkpoints alone.

    Raises:
        UserError: A file is damaged; or a checkpoint or the data set is missing.
    """
    analysis, split = analyse(comparison, dataset), comparison.splits[dataset]
    colours = in_colour(comparison, dataset, analysis.reference)
    sections = [
        _ranking(comparison, analysis),
        _training(comparison, analysis, colours),
        _alignment(comparison, dataset, colours, method),
        _similarity(comparison, analysis, colours),
        _modalities(analysis, split),
        Section(
            "examples", "Top-10 examples", RULE, examples=examples(comparison, dataset, colours)
        ),
        Section("groups", "Groups of items and users", tables=[breakdown(analysis, split)]),
        Section("coverage", "Coverage", tables=[coverage(analysis)]),
        Section("cost", "Cost", tables=[cost(analysis)]),
    ]
    return DatasetReport(dataset, _facts(split), sections)


def _facts(split: Split) -> str:
    parts = ", ".join(f"{n:,} in {part}" for part, n in split.interactions.items())
    facts = f"{len(split.users):,} test users, {len(split.items):,} items; interactions: {parts}."
    if split.modalities:
        having = ", ".join(f"{name} ({p.mean():.0%})" for name, p in split.modalities.items())
        facts += f" Modalities, and the share of the items that have them: {having}."
    return facts


def _ranking(comparison: Comparison, analysis: Analysis) -> Section:
    picture = intervals(analysis)
    tables = [ranking(analysis, TEST_NAMES[comparison.request.test])]
    tables += [differences(analysis)] if analysis.differences else []
    if analysis.reference == FULL:
        variants = _variants(comparison, analysis)
        tables.insert(0, ablation_table(analysis, variants, comparison.request.test))
    return Section(
        "ranking", "Ranking", pictures=[picture] if picture is not None else [], tables=tables
    )


def _variants(comparison: Comparison, analysis: Analysis) -> list[Variant]:
    """The variants of an ablation, and by which keys of its run each differs from the full one."""
    keys = {}
    for model, results in analysis.runs.items():
        if results:
            keys[model] = RunFolder(comparison.out / results[0].run).read_json("config.json")
    whole = keys[FULL]
    changed = {
        model: {key: value for key, value in settings.items() if value != whole.get(key)}
        for model, settings in keys.items()
    }
    return [
        Variant(model, MODEL, {k: v for k, v in values.items() if k not in INDIFFERENT_KEYS})
        for model, values in changed.items()
    ]


def _training(comparison: Comparison, analysis: Analysis, colours: list[str]) -> Section:
    pictures = learning(comparison, analysis, colours)
    if pictures is None:
        return Section("training", "Training", "No run has a validation score after an epoch.")
    return Section("training", "Training", pictures=list(pictures))


def _alignment(
    comparison: Comparison, dataset: str, colours: list[str], method: Method | None
) -> Section:
    anchor, title = "alignment", "Alignment of behavior and modality"
    if method is None:
        return Section(anchor, title, "Left out, as --no_checkpoints asks.")
    runs = {model: next(iter(comparison.of(dataset, model).values())).run for model in colours}
    both = [model for model, run in runs.items() if has_two_lines(comparison.out / run)]
    if not both:
        return Section(
            anchor,
            title,
            "No model here has two lines. DRepMRec has, and every model that wears BMA:",
            "recbole-drepmrec compare --models=LightGCN,LightGCN+BMA,DRepMRec "
            f"--datasets={dataset}",
        )
    found = [read_alignment(comparison, dataset, model) for model in both[:ALIGNED_MODELS]]
    return Section(
        anchor,
        title,
        "Behavior-Modal Alignment (BMA) brings the two representations of the same item, and of "
        "the same user, together while the model trains, and then fuses them. So before training "
        "is before BMA, trained is after its alignment, and fused is what scores are made of.",
        pictures=[alignment_picture(one, method) for one in found],
        tables=[alignment_table(found)],
    )


def _similarity(comparison: Comparison, analysis: Analysis, colours: list[str]) -> Section:
    anchor, title = "similarity", "Modal information forgetting"
    found = similarity(comparison, analysis, colours)
    if found is None:
        return Section(
            anchor,
            title,
            "These runs did not record how much of the features' similarity is kept. This command "
            "does, with and without the Similarity-Supervised Signal (SSS):",
            f"recbole-drepmrec ablate --dataset={analysis.dataset} --track_similarity=True",
        )
    return Section(
        anchor,
        title,
        "How much of the similarity of the original features the modal item representations keep "
        "while the model learns from behavior. The Similarity-Supervised Signal (SSS) is there to "
        "keep it: compare a model with one without SSS.",
        pictures=[found[0]],
        tables=[found[1]],
    )


def _modalities(analysis: Analysis, split: Split) -> Section:
    anchor, title = "modalities", "Each modality's share"
    if len(split.modalities) < 2 and FULL in analysis.runs:
        return Section(anchor, title, "The models read one modality, so none can be left out.")
    names = [name for name, _ in modality_parts(list(split.modalities))]
    present = [name for name in [*names, "without Modal Line"] if analysis.runs.get(name)]
    picture = intervals(analysis, present) if set(names) & set(present) else None
    if analysis.reference != FULL or picture is None:
        return Section(
            anchor,
            title,
            "No run here leaves a modality out. This command does:",
            f"recbole-drepmrec ablate --dataset={analysis.dataset}",
        )
    return Section(
        anchor,
        title,
        "DRepMRec with a modality left out, and without all of them, against the full model: the "
        "further left, the more was lost.",
        pictures=[picture],
    )
