"""`polyai-data regions`."""

from rich.table import Table

from polyai_data import Region

from ._terminal import Terminal

_OTHER_NAMES = ("us-1", "euw-1", "uk-1")


def run(*, as_json: bool) -> None:
    """List the regions."""
    terminal = Terminal()
    other_names = {
        region: [name for name in _OTHER_NAMES if Region(name) is region] for region in Region
    }
    if as_json:
        for region, names in other_names.items():
            terminal.show_json(
                {
                    "region": region.value,
                    "otherNames": names,
                    "studio": region.studio_url,
                    "api": region.base_url,
                }
            )
        return
    table = Table(
        "Region", "Also", "Agent Studio", "API", box=None, padding=(0, 2, 0, 0), pad_edge=False
    )
    for region, names in other_names.items():
        table.add_row(region.value, ", ".join(names), region.studio_url, region.base_url)
    terminal.show(table)
