"""Looks for answers that break a promise where chance finds none, led by the code's coverage.

`python scripts/fuzz_deep.py [--seconds N]` begins with damaged answers as `scripts/fuzz.py` makes
them, changes their bytes, keeps what reaches code that nothing reached before, and holds each
against the same promises: of the decoder and of what makes errors out of statuses and bodies. It
needs atheris, which `make fuzz-deep` installs. What was found is kept in build/fuzz-corpus for the
next run.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import sys
from pathlib import Path

try:
    import atheris
except ModuleNotFoundError:
    sys.exit("This needs atheris, which has no wheel for every Python: see `make fuzz-deep`.")

with atheris.instrument_imports(include=["polyai_data", "polyai_data_generated"]):
    import fuzz

ROOT = Path(__file__).resolve().parent.parent
CORPUS = ROOT / "build" / "fuzz-corpus"
SEEDS = 500
LONGEST = 20_000
"""Bytes. Longer answers only cost time; `scripts/fuzz.py` has them."""

SUBJECTS = fuzz.subjects()


def read(data: bytes) -> None:
    """Read an answer: the operation, the status, and the body.

    Raises:
        BrokenPromise: saying which.
    """
    if len(data) >= 2:
        subject = SUBJECTS[data[0] % len(SUBJECTS)]
        fuzz.check(subject, fuzz.STATUSES[data[1] % len(fuzz.STATUSES)], data[2:])


def write_seeds() -> None:
    """Write damaged answers to begin with."""
    CORPUS.mkdir(parents=True, exist_ok=True)
    rng = random.Random(0)  # noqa: S311
    maker = fuzz.Maker(rng)
    for _ in range(SEEDS):
        at = rng.randrange(len(SUBJECTS))
        _, content = maker.damage(maker.make(maker.schemas[SUBJECTS[at].schema]))
        seed = bytes([at, rng.randrange(len(fuzz.STATUSES))]) + content
        if len(seed) <= LONGEST:
            name = hashlib.sha256(seed).hexdigest()[:16]
            (CORPUS / name).write_bytes(seed)


def main() -> None:
    """Fuzz; the process exits with an error at the first broken promise."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--seconds", type=int, default=300, help="how long")
    seconds = parser.parse_args().seconds
    write_seeds()
    options = [f"-max_total_time={seconds}", f"-max_len={LONGEST}", "-timeout=20"]
    options += ["-print_final_stats=1", "-verbosity=1", f"-artifact_prefix={CORPUS.parent}/"]
    atheris.Setup([sys.argv[0], *options, str(CORPUS)], read)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
