"""Links between files become links between pages; formulas become MathML."""

import pytest
from site_pages.links import site_links
from site_pages.maths import with_mathml


@pytest.mark.parametrize(
    ("page", "written", "expected"),
    [
        ("index.md", "docs/extract.md", "extract.md"),
        ("index.md", "docs/images/report.png", "images/report.png"),
        ("index.md", "CONTRIBUTING.md", "contributing.md"),
        ("index.md", "LICENSE", "LICENSE.txt"),
        ("index.md", "properties/overall.yaml", "reference/keys.md"),
        ("plug-in.md", "../properties/model/BMA.yaml", "reference/models.md#bma"),
        ("data.md", "../README.md#your-own-data", "index.md#your-own-data"),
        ("performance.md", "../benchmarks/README.md", "benchmarks.md"),
        ("benchmarks.md", "../docs/performance.md", "performance.md"),
        ("reference/networks.md", "../model.md", "../model.md"),
        ("reference/keys.md", "models.md", "models.md"),
        ("comparing.md", "../recbole_drepmrec/cli.py", "../recbole_drepmrec/cli.py"),
        ("comparing.md", "https://recbole.io/docs/", "https://recbole.io/docs/"),
        ("comparing.md", "#equal-terms", "#equal-terms"),
    ],
)
def test_links_lead_to_the_page_that_shows_the_file(page: str, written: str, expected: str) -> None:
    assert site_links(f"See [this]({written}).", page) == f"See [this]({expected})."


def test_formulas_become_mathml() -> None:
    pytest.importorskip("latex2mathml")
    page = with_mathml(
        r'<p>With <span class="arithmatex">\(a &lt; b\)</span>, and</p>'
        r'<div class="arithmatex">\[\frac{a}{b}\]</div>'
    )
    assert "arithmatex" not in page
    assert "<mi>a</mi><mo>&lt;</mo><mi>b</mi>" in page.replace("&#x0003C;", "&lt;")
    assert "</math>,</span> and" in page  # a comma stays with its formula
    assert "<mfrac><mrow><mi>a</mi></mrow><mrow><mi>b</mi></mrow></mfrac>" in page
    assert 'display="block"' in page


def test_a_page_without_formulas_stays_as_it_is() -> None:
    page = '<p>It costs $5 and <span class="other">\\(x\\)</span>.</p>'
    assert with_mathml(page) == page
