"""How Sphinx builds this documentation: `make docs`."""

from __future__ import annotations

import sys
from contextlib import suppress
from functools import cache
from importlib import import_module
from importlib.metadata import version as version_of
from pathlib import Path
from typing import TYPE_CHECKING

from sphinx.pycode import ModuleAnalyzer

if TYPE_CHECKING:
    from docutils import nodes
    from sphinx.addnodes import pending_xref
    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment

project = "eventproto"
author = "the eventproto developers"
copyright = author
release = version_of("eventproto")
version = release

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
]

# What is public, and the page that describes it.
pages = {
    page.stem: "eventproto" if page.stem == "eventproto" else f"eventproto.{page.stem}"
    for page in Path(__file__).parent.glob("reference/*.md")
    if page.stem != "index"
}
exclude_patterns = ["_build"]

# `name` in a docstring is a link where that name is documented, and code where it is not.
default_role = "py:obj"
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
napoleon_numpy_docstring = False
napoleon_use_ivar = True  # fields are described once, by their class;
napoleon_attr_annotations = False  # their types are in its signature

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

html_theme = "furo"
html_title = "eventproto"


def setup(app: Sphinx) -> None:
    app.connect("builder-inited", find_docstrings_of_data)
    app.connect("autodoc-skip-member", describe_once)
    app.connect("autodoc-process-docstring", keep_first_colon, priority=400)  # before napoleon
    app.connect("missing-reference", link_to_public_name)


def find_docstrings_of_data(_app: Sphinx) -> None:
    """Sphinx reads the string below a constant only in the module that assigns it, so copy it."""
    for public, name, thing in exported():
        docstrings = ModuleAnalyzer.for_module(public).find_attr_docs()
        for origin, module in list(sys.modules.items()):
            if origin.startswith("eventproto.") and vars(module).get(name) is thing:
                found = ModuleAnalyzer.for_module(origin).find_attr_docs().get(("", name))
                if found:
                    docstrings.setdefault(("", name), found)


def describe_once(
    app: Sphinx, kind: str, name: str, thing: object, _skip: bool, _options: object
) -> bool | None:
    """What several packages export is described by the first of them, `eventproto` if it can."""
    homes = [public for public, each, value in exported() if each == name and value is thing]
    here = pages.get(app.env.docname.removeprefix("reference/"))
    return True if kind == "module" and homes and here != homes[0] else None


def keep_first_colon(
    _app: Sphinx, kind: str, _name: str, _thing: object, _options: object, lines: list[str]
) -> None:
    """Napoleon takes what is before a colon in the first line of a property for its type."""
    if kind in {"attribute", "data", "property"}:
        lines[:0] = ["..", ""]  # an empty comment


def link_to_public_name(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, text: nodes.TextElement
) -> nodes.Element | None:
    """Annotations name a class where it is defined; readers know it where it is exported."""
    defined = node.get("reftarget", "")
    for public, name, thing in exported():
        if defined == f"{getattr(thing, '__module__', '')}.{getattr(thing, '__name__', '')}":
            return env.domains.python_domain.resolve_xref(
                env, node["refdoc"], app.builder, "obj", f"{public}.{name}", node, text
            )
    return None


@cache
def exported() -> list[tuple[str, str, object]]:
    """What is public: where, under which name, and the thing itself."""
    found: list[tuple[str, str, object]] = []
    for public in sorted(pages.values()):
        # A module that cannot be imported gets its warning where its page is built.
        with suppress(ImportError):
            module = import_module(public)
            found += [(public, name, getattr(module, name)) for name in module.__all__]
    return found
