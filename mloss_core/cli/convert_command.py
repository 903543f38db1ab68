"""`convert`: a weight file of any format as canonical float32 safetensors."""

import argparse
import tempfile
from pathlib import Path
from typing import Any

from mloss_core.cli.common import emit, out_file, progress_bar, spare


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser("convert", help="rewrite a weight file as safetensors; nothing in it is executed")
    parser.add_argument("file", metavar="FILE", help="weights in any supported format, whole pickled modules included")
    parser.add_argument("--out", metavar="FILE", help="safetensors file to write (default: kept in the cache)")
    parser.add_argument("--json", action="store_true", help="print one JSON object; sizes in bytes")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Convert and print where the result is and what the file says of its model."""
    out = None if options.out is None else out_file(options.out, (".safetensors",))
    if out is not None:
        spare(out, [options.file])
    from mloss_core.checkpoints.converting import convert
    from mloss_core.checkpoints.facts import with_config
    from mloss_core.checkpoints.sharded import weight_file

    source = Path(options.file)
    with progress_bar() as progress:
        if out is None:
            converted = convert(source, progress=progress)
            place = converted.path
        else:
            with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}-") as folder:
                converted = convert(source, folder=Path(folder), progress=progress)
                place = converted.path.replace(out)
    facts = with_config(converted.facts, weight_file(source))
    answer = {
        "source": str(source),
        "source_digest": converted.source_digest,
        "out": str(place),
        "bytes": place.stat().st_size,
        "facts": facts,
    }
    if options.json:
        emit(answer)
        return
    print(f"{source} ({facts['format']}, {'/'.join(facts['dtypes'])}): {place}")
    print(f"activation {facts.get('activation', 'not recorded')}, heads {facts.get('heads', 'not recorded')}")
    print(f"left out: {len(facts['left_out'])} tensors that are no part of the image encoder")
    for note in facts.get("notes", ()):
        print(f"note: {note}")
