"""How Sphinx builds the site: `make docs`."""

import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "scripts"))

import docs_site
import polyai_data
import polyai_data.frames
import polyai_data.sandbox
import polyai_data.testing
import polyai_data.warehouse

project = "polyai-data"
author = "The polyai-data developers"
copyright = author  # noqa: A001
version = release = polyai_data.__version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
source_suffix = {".md": "markdown", ".ipynb": "markdown"}  # docs_site makes Markdown of notebooks
exclude_patterns = []
nitpicky = True
smartquotes = False  # which would turn -- into a dash
# Types of the standard library, of dependencies, and of private modules.
nitpick_ignore_regex = [(r"py:.*", r"(?!polyai_data(\.[A-Za-z]\w*)+$).*")]

html_theme = "furo"
pygments_dark_style = "github-dark"
html_title = f"polyai-data {version}"
html_show_sourcelink = False
html_copy_source = False
html_show_search_summary = False  # browsers do not let pages of file:// read others
html_theme_options = {"navigation_with_keys": False}
html_static_path = ["_static"]
html_css_files = ["site.css"]

myst_heading_anchors = 3
myst_links_external_new_tab = False

default_role = "code"  # the docstrings have `names` as in Markdown
autodoc_default_options = {"members": True, "member-order": "bysource"}
autodoc_typehints_format = "short"
python_use_unqualified_type_names = True
maximum_signature_line_length = 70
napoleon_use_ivar = True
napoleon_use_rtype = False

# Types in signatures are shown, and linked, by their public names.
for module in docs_site.MODULES:
    for name in docs_site.public_names(module):
        if isinstance(thing := getattr(sys.modules[module], name), type):
            thing.__module__ = module


def _from_markdown(app, what, name, obj, options, lines):
    """Convert the code blocks of a docstring, which are Markdown's, to reStructuredText."""
    text = re.sub(
        r"^```(\w+)\n(.*?)^```$",
        lambda block: (
            f".. code-block:: {block[1]}\n\n" + re.sub("^(?=.)", "   ", block[2], flags=re.M)
        ),
        "\n".join(lines),
        flags=re.M | re.S,
    )
    lines[:] = text.split("\n")


def _page(app, docname, source):
    source[0] = docs_site.page(docname, source[0])


def setup(app):
    """Connect what Sphinx has no setting for."""
    app.connect("source-read", _page)
    app.connect("autodoc-process-docstring", _from_markdown, priority=400)  # before napoleon
