"""Implements `polyai-data regions`."""

from rich.table import Table

from polyai_data import Region

from ._terminal import Terminal


def run(*, as_json: bool) -> None:
    """List the regions."""
    terminal = Terminal()
    if as_json:
        for region in Region:
            terminal.show_json(
                {
                    "region": region.value,
                    "aliases": region.aliases,
                    "studio": region.studio_url,
                    "api": region.base_url,
                }
            )
        return
    table = Table(
        "Region", "Alias", "Agent Studio", "API", box=None, padding=(0, 2, 0, 0), pad_edge=False
    )
    for region in Region:
        aliases = ", ".join(region.aliases)
        table.add_row(region.value, aliases, region.studio_url, region.base_url)
    terminal.show(table)
