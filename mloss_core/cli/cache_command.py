"""`cache`: how much is kept, and clearing it. Everything in it can be computed again."""

import argparse
from typing import Any

from mloss_core.caching import CONVERTED, KINDS, Cache
from mloss_core.cli.common import emit, table
from mloss_core.errors import unknown_name


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser("cache", help="how much is kept on disk; 'cache clear' removes it")
    parser.add_argument("action", nargs="?", choices=("show", "clear"), default="show", help="show (default) or clear")
    parser.add_argument("--kind", metavar="KIND", help=f"one kind of entries alone: {', '.join(KINDS)} (default: all)")
    parser.add_argument("--json", action="store_true", help="print one JSON object; sizes in bytes")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Show or clear."""
    cache = Cache()
    known = sorted({*KINDS, *cache.sizes()})
    if options.kind is not None and options.kind not in known:
        raise unknown_name("kind of entries", options.kind, known)
    if options.action == "clear":
        from mloss_core.lab.jobs.spare import Spare

        freed = cache.clear(options.kind) + Spare(cache.root).clear(options.kind)
        if options.json:
            emit({"root": str(cache.root), "freed": freed})
        else:
            print(f"freed {freed / 1e6:.1f} MB in {cache.root}")
        return
    from mloss_core.checkpoints.keeping import converted_limit

    bound = converted_limit(cache.root / CONVERTED)
    sizes = {k: v for k, v in cache.sizes().items() if options.kind in (None, k)}
    if options.json:
        bounds = {"limit": cache.limit, "converted_limit": bound}
        emit({"root": str(cache.root), **bounds, "kinds": sizes, "total": sum(sizes.values())})
        return
    rows = [[kind, f"{size / 1e6:.1f}"] for kind, size in sorted(sizes.items())]
    print(table(["kind", "MB"], [*rows, ["total", f"{sum(sizes.values()) / 1e6:.1f}"]]))
    print(f"{cache.root}, at most {cache.limit / 1e9:.1f} GB, and {bound / 1e9:.1f} GB of converted weights")
