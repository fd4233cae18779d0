"""Where the page's frame, style and parts come from."""

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from recbole_drepmrec.evaluation.table import Table


def template(name: str) -> Template:
    """A template of the report's folder.

    Args:
        name: Its file.
    """
    environment = Environment(
        loader=PackageLoader("recbole_drepmrec.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["drawn"] = Markup  # our own SVG, whose texts are escaped already
    environment.filters["without_name"] = _without_name
    return environment.get_template(name)


def _without_name(table: Table, dataset: str) -> str:
    """A table's title below a heading that names the data set already."""
    title = table.title.removeprefix(f"{dataset}: ")
    return title[:1].upper() + title[1:]
