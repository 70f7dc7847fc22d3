"""How long do an import and the command's help take?

Run as ``python -m tests.benchmarks.start``. Each is a process of its own, against
Python that does nothing.
"""

import subprocess
import sys
from pathlib import Path
from time import perf_counter

from tests.benchmarks._report import options, report, take_turns

COMMANDS = {
    "import skmnist": [sys.executable, "-c", "import skmnist"],
    "skmnist --help": [Path(sys.executable).with_name("skmnist"), "--help"],
}


def seconds(command):
    start = perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    return perf_counter() - start


def main():
    args = options(runs=7)
    nothing = [sys.executable, "-c", "pass"]
    for name, command in COMMANDS.items():
        figures = take_turns(
            {
                name: lambda command=command: seconds(command),
                "Python alone": lambda: seconds(nothing),
            },
            args.runs,
        )
        report(f"start, {name}", figures, "A ≤ 1 s", table=args.table)


if __name__ == "__main__":
    main()
