"""MkDocs hook: the navigation, the system pages and the API reference follow from the files that exist.

A new system or module gets its page without an edit here. A page `docs/systems/<name>.md` written by hand is
kept and its API section appended; where there is none, the module's own docstring is the page.
"""

import pkgutil
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src"
SYSTEMS = SOURCE / "limner" / "systems"

# Pages in reading order. A page that is not named here comes after these, by name.
FIRST = [
    "index",
    "tutorial",
    "cli",
    "python",
    "data",
    "worlds",
    "text",
    "training",
    "cascades",
    "checkpoints",
    "evidence",
]
LAST = ["design"]


def modules() -> list[str]:
    """Dotted names of the public modules, systems apart (they have pages of their own)."""
    names = []
    for path in sorted((SOURCE / "limner").rglob("*.py")):
        parts = path.relative_to(SOURCE).with_suffix("").parts
        if parts[-1] == "__init__":
            parts = parts[:-1]
        if "systems" not in parts and not any(part.startswith("_") for part in parts):
            names.append(".".join(parts))
    return names


def systems() -> list[str]:
    """Names of the systems' modules: files, and packages whose parts belong to them."""
    found = (module.name for module in pkgutil.iter_modules([str(SYSTEMS)]))
    return sorted(name for name in found if not name.startswith("_"))


def title_of(system: str) -> str:
    """A system is called by its file name with hyphens."""
    return system.replace("_", "-")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Set the navigation from the pages that exist."""
    docs = Path(config.docs_dir)
    top = {path.stem for path in docs.glob("*.md")}
    middle = sorted(top - set(FIRST) - set(LAST))
    pages: list = [f"{name}.md" for name in [*(n for n in FIRST if n in top), *middle]]
    written = {path.stem: path for path in sorted((docs / "systems").glob("*.md"))}
    names = sorted({*systems(), *(stem.replace("-", "_") for stem in written)})
    if names:
        pages.append({"Systems": [{title_of(name): f"systems/{title_of(name)}.md"} for name in names]})
    for folder in sorted(path for path in docs.iterdir() if path.is_dir() and path.name not in {"systems"}):
        inside = [str(path.relative_to(docs)) for path in sorted(folder.rglob("*.md"))]
        if inside:
            pages.append({folder.name.capitalize(): inside})
    pages.append({"How it is made": [f"{name}.md" for name in LAST if name in top]})
    pages.append({"API reference": [{name: f"reference/{name}.md"} for name in modules()]})
    config.nav = pages
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages."""
    for name in modules():
        text = f"# `{name}`\n\n::: {name}\n"
        files.append(File.generated(config, f"reference/{name}.md", content=text))
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
