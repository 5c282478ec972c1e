"""How to install an extra, depending on how the package itself was installed."""

import json
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname


def install_command(extra: str) -> str:
    """Return the command that installs an extra from where the package came from."""
    try:
        origin = json.loads(distribution("polyai-data").read_text("direct_url.json") or "{}")
    except PackageNotFoundError:  # a checkout on sys.path
        root = Path(__file__).parents[3]
        is_checkout = (root / "pyproject.toml").is_file()
        origin = {"url": root.as_uri(), "dir_info": {"editable": True}} if is_checkout else {}
    requirement = f"polyai-data[{extra}]"
    if "dir_info" in origin:
        folder = Path(url2pathname(urlsplit(origin["url"]).path))
        place = "." if folder == Path.cwd() else folder
        editable = "-e " if origin["dir_info"].get("editable") else ""
        return f'pip install {editable}"{place}[{extra}]"'
    if vcs := origin.get("vcs_info"):
        requirement += f" @ {vcs['vcs']}+{origin['url']}@{vcs['commit_id']}"
    elif origin:
        requirement += f" @ {origin['url']}"
    return f'pip install "{requirement}"'
