"""Formulas as MathML, which browsers draw themselves: no script, no font, no network."""

import html
import re

_FORMULA = re.compile(
    r'<(?P<tag>span|div) class="arithmatex">\\[(\[](?P<tex>.*?)\\[)\]]</(?P=tag)>'
    r"(?P<after>[.,;:)]*)",
    re.DOTALL,
)


def with_mathml(page: str) -> str:
    """Turn the formulas that ``pymdownx.arithmatex`` marked into MathML.

    Args:
        page: HTML.
    """
    return _FORMULA.sub(_mathml, page)


def _mathml(match: re.Match[str]) -> str:
    from latex2mathml.converter import convert  # late: only who builds the site has it

    display = "block" if match["tag"] == "div" else "inline"
    formula: str = convert(html.unescape(match["tex"]), display=display)
    if display == "block":
        return f'<div class="formula">{formula}</div>'
    return f'<span class="formula">{formula}{match["after"]}</span>'  # no line begins with a comma
