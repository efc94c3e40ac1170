"""All benchmarks by one command, over ones that are made up here."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.benchmarks.__main__ import main
from tests.benchmarks.comparison import judge, last
from tests.benchmarks.report import Figure
from tests.benchmarks.running import Benchmark
from tests.benchmarks.suite import BENCHMARKS

FAKE = """
import argparse
from pathlib import Path
from tests.benchmarks.report import Report
parser = argparse.ArgumentParser()
parser.add_argument("--rounds", type=int, default=50)
parser.add_argument("--json", type=Path)
options = parser.parse_args()
factor, read = map(float, Path("{settings}").read_text().split())
bare = [1 + 0.001 * n for n in range(options.rounds)]
report = Report("fake", options)
report.sample("save: ours", [factor * one for one in bare], "ms")
report.ratio_of("ours / bare", [factor * one for one in bare], bare, at_most=2)
report.ratio_of("theirs / ours", [3.0] * 9, [1.0] * 9, better="more")
report.figure("tokens read", read, "tokens", noise=0, at_most=16)
report.growth("save", "messages", "ms", {{"ours": {{100: 1, 1000: 2}}}})
print("| <what it prints> |")
report.write(options.json)
"""
SLEEPER = """
import os, time
if child := os.fork():
    with open("{settings}", "w") as file:
        file.write(str(child))
time.sleep(600)
"""


def marks(page: str) -> dict[str, str]:
    """What a page's table of changes says, by figure."""
    table = page.split("Since the last run")[1].split("<details>")[0]
    rows = [re.findall(r"<td[^>]*>([^<]*)", row) for row in table.split("<tr>")[2:]]
    return {row[1]: row[-1] for row in rows}


def test_two_runs_are_compared_by_what_is_no_noise(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A ratio and a count that changed are marked, times are not; bars stand on top."""
    settings, runs = tmp_path / "settings", tmp_path / "runs"
    fake = Benchmark("fake", ("-c", FAKE.format(settings=settings)), quick=("--rounds", "20"))
    pages = []
    for factor, read in ((1.5, 12), (2.5, 10)):
        settings.write_text(f"{factor} {read}")
        assert main([fake], ["--out", str(runs), "--quick"]) == 0
        pages.append(Path(capsys.readouterr().out.splitlines()[-1]).read_text())
    first, second = pages
    assert "2 held, 0 missed" in first
    assert "no earlier run" in first
    assert "1 held, 1 missed" in second
    assert second.index("missed by 0.5") < second.index("Since the last run")
    assert marks(second) == {"ours / bare": "worse", "tokens read": "better"}
    assert "small form" in second
    assert "&lt;what it prints&gt;" in second
    assert not re.search(r'(?:src|href)="(?!data:)', second)  # it is whole by itself
    _, newest = sorted(runs.iterdir())
    made = {"bars.png", "fake-growth.png", "fake-times.png", "fake.json", "fake.txt", "index.html"}
    assert {path.name for path in newest.iterdir()} == made
    report = json.loads((newest / "fake.json").read_text())
    assert report["parameters"] == {"rounds": 20}
    assert last(runs, runs / "9", report) == report
    assert last(runs, runs / "9", report | {"parameters": {"rounds": 50}}) is None


def test_what_fails_or_takes_too_long_stops_no_other(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each outcome is told with its reason, and nothing that a benchmark started goes on."""
    settings, pid = tmp_path / "settings", tmp_path / "pid"
    settings.write_text("1 1")
    benchmarks = [
        Benchmark("failing", ("-c", "raise SystemExit('no <disk>')")),
        Benchmark("sleeping", ("-S", "-c", SLEEPER.format(settings=pid)), limit=3),
        Benchmark("silent", ("-c", "pass")),
        Benchmark("starved", ("-c", "pass"), data=("set/dev.jsonl",)),
        Benchmark("fake", ("-c", FAKE.format(settings=settings))),
    ]
    assert main(benchmarks, ["--out", str(tmp_path / "runs")]) == 1
    said = capsys.readouterr().out
    assert "failing ... failed: " in said
    assert "no <disk>" in said
    assert "sleeping ... timed out: took longer than 3 s" in said
    assert "silent ... failed: wrote no JSON" in said
    assert "starved ... skipped: needs --data with set/dev.jsonl" in said
    assert "fake ... done" in said
    assert "no &lt;disk&gt;" in Path(said.splitlines()[-1]).read_text()
    child = Path(f"/proc/{pid.read_text()}/stat")
    assert not child.exists() or child.read_text().split()[2] == "Z"


def test_data_is_found_in_folders_and_as_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A benchmark gets the files it is made for, wherever they lie."""
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "dev.jsonl").write_text("")
    program = "import json, sys; from pathlib import Path; Path(sys.argv[-1]).write_text('[]'); " \
              "print(sys.argv[1:3]); sys.exit(3)"  # fmt: skip
    eager = Benchmark("eager", ("-c", program), data=("set/dev.jsonl",))
    for given in (tmp_path, tmp_path / "set" / "dev.jsonl"):
        main([eager], ["--out", str(tmp_path / "runs"), "--data", str(given)])
        said = capsys.readouterr().out
        assert str(["--data", str(tmp_path / "set" / "dev.jsonl")]) in said


@pytest.mark.parametrize(
    ("words", "message"),
    [(["--only", "turn,tun"], "--only tun: there are turn"),
     (["--data", "/nowhere"], "no such file or folder")],
)  # fmt: skip
def test_what_is_not_there_is_said_before_anything_runs(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """A misspelt name or a missing folder costs no hour."""
    with pytest.raises(SystemExit):
        main(BENCHMARKS, [*words, "--out", str(tmp_path / "runs")])
    assert message in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("now", "before", "verdict"),
    [
        (Figure("a", 1.09, noise=0.01), Figure("a", 1.0, noise=0.01), "as before"),
        (Figure("a", 1.2, noise=0.01), Figure("a", 1.0, noise=0.01), "worse"),
        (Figure("a", 1.2, noise=0.2), Figure("a", 1.0, noise=0.2), "as before"),
        (Figure("a", 1.2, better="more", noise=0.0), Figure("a", 1.0, noise=0.1), "better"),
        (Figure("a", 0.5, better="more", noise=0.1), Figure("a", 1.0, noise=0.1), "worse"),
        (Figure("a", 9.0, "ms"), Figure("a", 1.0, "ms"), "not judged"),
        (Figure("a", 9.0, noise=0.1), Figure("a", 1.0), "not judged"),
        (Figure("a", 13, "tokens", noise=0), Figure("a", 12, "tokens", noise=0), "worse"),
        (Figure("a", 1, "errors", noise=0), Figure("a", 0, "errors", noise=0), "worse"),
        (Figure("a", 0, "errors", noise=0), Figure("a", 0, "errors", noise=0), "as before"),
        (Figure("a", 5, better="neither", noise=0), Figure("a", 1, noise=0), "not judged"),
        (Figure("a", 5.0), None, "new"),
    ],
)
def test_a_change_counts_beyond_its_margin(
    now: Figure, before: Figure | None, verdict: str
) -> None:
    """Intervals of both runs, 10 % at least; counts exactly; nothing whose noise is unknown."""
    assert judge(now, before).verdict == verdict


def test_every_benchmark_of_the_folder_is_run_and_told() -> None:
    """Whatever has a ``--json`` is in the table of those that are run, and in the README's."""
    folder = Path(__file__).parent
    programs = {path.stem for path in folder.glob("*.py")
                if re.search(r'add_argument\("--json"', path.read_text())
                and not path.stem.startswith(("test_", "_"))}  # fmt: skip
    assert {one.name for one in BENCHMARKS} == programs, "put it into suite.py"
    readme = (folder / "README.md").read_text()
    assert programs <= {*re.findall(r"`\.venv/bin/python -m tests\.benchmarks\.(\w+)", readme)}
