"""What the benchmarks share: taking turns, fresh processes, rows of a table."""

import argparse
import os
import platform
import subprocess
import sys
from pathlib import Path
from statistics import fmean, median

from scipy import stats

TABLE = Path(__file__).parents[2] / "docs" / "benchmarks.md"
HEAD = (
    "| question | contestants A / B | median A | median B | A / B "
    "| spread of A / B | target | runs |"
)
RULE = "|---|---|---|---|---|---|---|---|"


def options(**defaults):
    """Read ``--name value`` from the command line, for these names and the shared.

    The shared ones are ``--runs``, the number of turns, and ``--table``, the file
    that gets the rows.
    """
    parser = argparse.ArgumentParser()
    for name, value in {"runs": 5, "table": TABLE, **defaults}.items():
        parser.add_argument(f"--{name}", type=type(value), default=value)
    return parser.parse_args()


def fresh(setup, statement, after=""):
    """Run `setup`, then `statement`, then `after`, in a new process.

    Returns the seconds that the statement took and the MB by which it raised the
    peak of the resident memory.
    """
    code = (
        "import re, time\n"
        "def peak():\n"
        "    status = open('/proc/self/status').read()\n"
        "    return int(re.search(r'VmHWM:\\s+(\\d+)', status)[1]) / 1024\n"
        f"{setup}\n"
        # "5" resets the peak, so that it does not include the set-up.
        "open('/proc/self/clear_refs', 'w').write('5')\n"
        "base, start = peak(), time.perf_counter()\n"
        f"{statement}\n"
        "figures = time.perf_counter() - start, peak() - base\n"
        f"{after}\n"
        "print(*figures)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    seconds, megabytes = done.stdout.split()[-2:]
    return float(seconds), float(megabytes)


def take_turns(contestants, runs=5):
    """Call each contestant in turn, A B A B ...; return the list of each one's results.

    Parameters
    ----------
    contestants : dict of str to callable
        What to call, without arguments.
    runs : int, default=5
        Number of turns.
    """
    results = {name: [] for name in contestants}
    for _ in range(runs):
        for name, measure in contestants.items():
            results[name].append(measure())
    return results


def interval(values):
    """Return the ends of the 95% confidence interval of the mean, by Student's t."""
    return stats.t.interval(
        0.95, len(values) - 1, loc=fmean(values), scale=stats.sem(values)
    )


def report(question, figures, target, unit="s", table=TABLE):
    """Print medians, spread and ratio of two contestants, and write them to a table.

    Parameters
    ----------
    question : str
        The first cell of the row; a row that has it already is replaced.
    figures : dict of str to list of float
        Two contestants, A and B, with one figure a turn.
    target : str
        What the ratio A / B should reach.
    unit : str, default="s"
        Unit of the figures.
    table : path-like, default=TABLE
        The Markdown file with the table.
    """
    (a, first), (b, second) = figures.items()
    ratios = [one / two for one, two in zip(first, second, strict=True)]
    ratio = median(first) / median(second)
    spread = f"{min(ratios):.2f}–{max(ratios):.2f}"
    print(f"{question} ({len(first)} turns, target {target})")
    for name, values in figures.items():
        low, high = min(values), max(values)
        print(
            f"  {name}: median {_shown(median(values))} {unit} "
            f"({_shown(low)}–{_shown(high)})"
        )
    print(f"  A / B: {ratio:.3f} ({spread})")
    cells = [question, f"{a} / {b}"]
    cells += [f"{_shown(median(values))} {unit}" for values in (first, second)]
    cells += [f"{ratio:.2f}", spread, target, str(len(first))]
    write_row(cells, table)


def report_means(question, figures, target, table=TABLE):
    """Print the means of two contestants over the same seeds, and write a row.

    Parameters
    ----------
    question : str
        The first cell of the row.
    figures : dict of str to list of float
        Two contestants, A and B, with one accuracy in percent for each seed.
    target : str
        What they should reach.
    table : path-like, default=TABLE
        The Markdown file with the table.
    """
    (a, first), (b, second) = figures.items()
    differences = [one - two for one, two in zip(first, second, strict=True)]
    low, high = interval(differences)
    cells = [question, f"{a} / {b}"]
    cells += [f"{fmean(values):.2f}%" for values in (first, second)]
    cells += [
        f"{fmean(differences):+.2f} points",
        f"95% interval {low:+.2f} to {high:+.2f}",
        target,
        str(len(first)),
    ]
    print(" | ".join(cells))
    write_row(cells, table)


def _shown(value):
    """Format with three significant digits, without an exponent."""
    return f"{value:.3g}" if value < 100 else f"{float(f'{value:.3g}'):,.0f}"


def write_row(cells, table=TABLE):
    """Put a row into the table: in place of the row of that question, or last."""
    table = Path(table)
    lines = []
    if table.exists():
        lines = table.read_text(encoding="utf-8").rstrip().split("\n")
    if HEAD not in lines:
        lines += ["", HEAD, RULE]
    start = lines.index(HEAD) + 2
    end = start
    while end < len(lines) and lines[end].startswith("|"):
        end += 1
    rows = {row.split(" | ")[0]: row for row in lines[start:end]}
    rows[f"| {cells[0]}"] = f"| {' | '.join(cells)} |"
    after = lines[end:]
    if after[1:2] and after[1].startswith("Measured on "):
        if after[1] != machine():
            raise SystemExit(
                f"{table} holds figures of another machine or Python ({after[1]}): "
                "name a new file with --table."
            )
        after = after[2:]
    lines[start:] = [*rows.values(), "", machine(), *after]
    table.write_text("\n".join(lines) + "\n", encoding="utf-8")


def machine():
    """Return a sentence on the machine of the measurements."""
    cores = len(os.sched_getaffinity(0))
    model = platform.processor() or platform.machine()
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
    return (
        f"Measured on {cores} cores ({model}), {platform.system()}, "
        f"Python {platform.python_version()}."
    )
