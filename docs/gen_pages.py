"""MkDocs hook: each system has a page.

A page `docs/systems/<name>.md` written by hand is kept and its API section appended; where there is none, the
module's own docstring is the page. The navigation is `docs/.nav.yml`; a plugin makes the reference of other modules.
"""

import pkgutil
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src"
SYSTEMS = SOURCE / "limner" / "systems"


def systems() -> list[str]:
    """Names of the systems' modules: files, and packages whose parts belong to them."""
    found = (module.name for module in pkgutil.iter_modules([str(SYSTEMS)]))
    return sorted(name for name in found if not name.startswith("_"))


def title_of(system: str) -> str:
    """A system is called by its file name with hyphens."""
    return system.replace("_", "-")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages of systems that have none."""
    for name in systems():
        uri = f"systems/{title_of(name)}.md"
        if files.get_file_from_path(uri) is None:
            files.append(File.generated(config, uri, content=f"# {title_of(name)}\n"))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Append the module's reference to the page of a system."""
    uri = Path(page.file.src_uri)
    module = uri.stem.replace("-", "_")
    if uri.parent.name == "systems" and module in systems():
        return f"{markdown}\n\n::: limner.systems.{module}\n"
    return markdown
