"""Coverage-guided fuzz test, which finds violations that random damage does not.

`python scripts/fuzz_deep.py [--seconds N]` starts with damaged responses from `scripts/fuzz.py`,
mutates them, and keeps those that reach new code. It checks the same guarantees about decoding and
error mapping. It needs atheris, which `make fuzz-deep` installs. The corpus is kept in
build/fuzz-corpus for the next run.
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
    sys.exit(
        "This needs atheris, which is not available for every Python version: run `make fuzz-deep`."
    )

with atheris.instrument_imports(include=["polyai_data", "polyai_data_generated"]):
    import fuzz

ROOT = Path(__file__).resolve().parent.parent
CORPUS = ROOT / "build" / "fuzz-corpus"
SEEDS = 500
MAX_BYTES = 20_000
"""The maximum size of a response. Larger ones are slow, and `scripts/fuzz.py` tests some."""

TARGETS = fuzz.targets()


def check(data: bytes) -> None:
    """Check a response. The bytes are the operation, the status and the body.

    Raises:
        Violation: a guarantee was violated.
    """
    if len(data) >= 2:
        target = TARGETS[data[0] % len(TARGETS)]
        fuzz.check(target, fuzz.STATUSES[data[1] % len(fuzz.STATUSES)], data[2:])


def write_seeds() -> None:
    """Write damaged responses as the initial corpus."""
    CORPUS.mkdir(parents=True, exist_ok=True)
    rng = random.Random(0)  # noqa: S311
    generator = fuzz.Generator(rng)
    for _ in range(SEEDS):
        index = rng.randrange(len(TARGETS))
        schema = generator.schemas[TARGETS[index].schema]
        _, content = generator.damage(generator.generate(schema))
        seed = bytes([index, rng.randrange(len(fuzz.STATUSES))]) + content
        if len(seed) <= MAX_BYTES:
            name = hashlib.sha256(seed).hexdigest()[:16]
            (CORPUS / name).write_bytes(seed)


def main() -> None:
    """Run the fuzz test. The process exits with an error at the first violation."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--seconds", type=int, default=300, help="duration of the run")
    seconds = parser.parse_args().seconds
    write_seeds()
    options = [f"-max_total_time={seconds}", f"-max_len={MAX_BYTES}", "-timeout=20"]
    options += ["-print_final_stats=1", "-verbosity=1", f"-artifact_prefix={CORPUS.parent}/"]
    atheris.Setup([sys.argv[0], *options, str(CORPUS)], check)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
