"""The pages are true: examples run, tables and tree are what the code is, links lead somewhere."""

from __future__ import annotations

import json
import re
import shlex
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from app.roles import MAY
from app.settings import Settings
from tests.app.conftest import KEY, Running, run_service  # noqa: F401
from tests.llm.openai_double import OpenAIDouble

ROOT = Path(__file__).parents[1]
PAGES = {
    str(path.relative_to(ROOT)): path.read_text(encoding="utf-8")
    for folder in ("app", "docker", "memory", "tests")
    for path in sorted((ROOT / folder).rglob("*.md"))
}
PAGES |= {name: (ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "CHANGELOG.md")}
README = PAGES["README.md"]
EXAMPLES = [
    pytest.param(example, id=f"{name}-{i}")
    for name, text in PAGES.items()
    if name.endswith("README.md")
    for i, example in enumerate(re.findall(r"```python\n(.*?)```", text, re.DOTALL))
]

CHANGES = [
    pytest.param(change, id=f"{name}-{i}")
    for name, text in PAGES.items()
    for i, change in enumerate(re.findall(r"^```diff\n(.*?)^```", text, re.DOTALL | re.MULTILINE))
]


def prose(page: str) -> str:
    """A page without its code."""
    return re.sub(r"^```.*?^```$|`[^`\n]+`", "", page, flags=re.DOTALL | re.MULTILINE)


def anchors(page: str) -> list[str]:
    """What GitHub calls a page's headings: small letters, digits and hyphens."""
    headings = re.findall(r"^#+ (.+)$", re.sub(r"^```.*?^```$", "", page, flags=re.S | re.M), re.M)
    return [re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings]


def settings_table() -> str:
    """The settings as the README shows them."""
    rows = ["| variable | default | what it is |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        default = field.default
        if name == "data_dir":
            shown = "the user's data folder"
        elif name == "system":
            shown = "a short instruction"
        else:
            shown = "" if default is None else f"`{default}`"
        rows.append(f"| `MEMORY_SERVICE_{name.upper()}` | {shown} | {field.description} |")
    return "\n".join(rows)


def test_the_settings_table_is_complete() -> None:
    """Every setting stands in the README with its default."""
    table = README.split("<!-- settings -->")[1].split("<!-- /settings -->")[0].strip()
    assert table == settings_table(), f"put this into the README:\n{settings_table()}"


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    """Whatever a page links to in the repository is there, and has the heading that is named."""
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(PAGES[page])):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        there = (ROOT / page).parent.joinpath(path).resolve() if path else ROOT / page
        assert there.exists(), target
        if anchor:
            assert anchors(there.read_text(encoding="utf-8")).count(anchor) == 1, target


@pytest.mark.parametrize("example", EXAMPLES)
def test_a_python_example_runs(
    example: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pasted as it stands, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    exec(compile(example, "example", "exec"), {})


CONTRACTS = re.findall(
    r"```python\n((?:(?!```).)*?\(\w+Contract\):.*?)```\n\n(.*?)\n\n",
    PAGES["memory/README.md"],
    re.DOTALL,
)


@pytest.mark.parametrize(("example", "told"), CONTRACTS, ids=["store", "others"])
def test_an_example_of_contracts_ends_as_it_is_said(
    example: str, told: str, tmp_path: Path
) -> None:
    """With as many tests passed, failed and skipped as the page says below it."""
    (tmp_path / f"{tmp_path.name}.py").write_text(example)  # a module has its name once
    ended: Counter[str] = Counter()

    class Counting:
        """Counts what became of the tests."""

        def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
            ended[report.outcome] += report.when == "call" or report.outcome != "passed"

    without = ("asyncio", "cacheprovider", "terminal", "xdist")
    options = ["--import-mode=importlib", *(f"-pno:{plugin}" for plugin in without)]
    pytest.main([*options, f"--rootdir={tmp_path}", f"{tmp_path}/{tmp_path.name}.py"], [Counting()])
    counts = [f"{number} {outcome}" for outcome, number in sorted(ended.items()) if number]
    assert f"`{', '.join(counts)}`" in told


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # LangChain's, of ConversationChain
@pytest.mark.parametrize("change", CHANGES)
def test_a_program_that_was_changed_runs(
    change: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """As the difference leaves it: the second question has what was said before the first answer,
    and another start of the program has it from the beginning. What it was before is a program too.
    """
    lines = change.splitlines()
    compile("\n".join(line[1:] for line in lines if not line.startswith("+")), "before", "exec")
    program = "\n".join(line[1:] for line in lines if not line.startswith("-"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPENAI_API_KEY", "a key")
    with OpenAIDouble("It is on its way.") as model:
        monkeypatch.setenv("OPENAI_BASE_URL", model.base)
        for start in range(2):
            exec(compile(program, "after", "exec"), {})
            said = [json.dumps(request["messages"]) for request in model.requests]
            assert ["4417-XZ" in one for one in said[2 * start :]] == [True, True]
            assert ("What is my order number?" in said[2 * start]) == bool(start)
    assert capsys.readouterr().out.count("It is on its way.") == 4


def test_the_memory_example_shows_the_order_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What the first example prints has what was said."""
    monkeypatch.chdir(tmp_path)
    example = re.search(r"```python\n(.*?)```", README, re.DOTALL)
    assert example
    exec(compile(example[1], "README.md", "exec"), {})
    assert "4417-XZ" in capsys.readouterr().out


def test_the_rest_example_is_answered(run_service: Callable[..., Running]) -> None:  # noqa: F811
    """The curl command's request, sent as it stands, gets an answer."""
    command = re.search(r"```sh\n(curl .*?)```", README, re.DOTALL)
    assert command
    words = shlex.split(command[1].replace("\\\n", " ").replace("$KEY", KEY))
    headers = dict(words[i + 1].split(": ", 1) for i, w in enumerate(words) if w == "-H")
    body = words[words.index("-d") + 1]
    path = next(w for w in words if w.startswith("http")).split(":8000", 1)[1]
    service = run_service()
    answer = service.client.post(path, content=body, headers=headers)
    assert answer.status_code == 200, answer.text
    assert answer.json()["reply"] == json.loads(body)["message"]


def test_the_docker_example_names_what_is_there() -> None:
    """The compose file exists and its service is called as the README calls it."""
    command = re.search(r"docker compose -f (\S+) exec (\w+) cat (\S+)", README)
    assert command
    compose = (ROOT / command[1]).read_text(encoding="utf-8")
    assert re.search(rf"^  {command[2]}:$", compose, re.MULTILINE)
    assert command[3].startswith("/data/")


def test_the_routes_are_those_of_the_service_with_who_may_ask() -> None:
    """Every route of the API stands in the README's table with its roles, and no other."""
    row = r"^\| ((?:`[A-Z]+`, )*`?[A-Z]+) (/\S+)` \| (.+?) \|"
    told = {
        (method, path): set(roles.replace("all", "admin, agent, service").split(", "))
        for methods, path, roles in re.findall(row, README, re.M)
        for method in re.findall(r"[A-Z]+", methods)
        if roles != "nobody's"
    }
    there = {
        route: {re.sub("^default:(.*)", r"\1 of `default`", role) for role in may}
        for route, may in MAY.items()
    }
    assert told == there


def test_the_tree_names_every_file() -> None:
    """Each module stands in the layout tree, and nothing that is not there."""
    tree = README.split("## Layout")[1].split("```")[1]
    folder, listed = "", set()
    for line in tree.strip().splitlines():
        name = line.split()[0]
        if not line.startswith(" "):
            folder = name
        elif name.endswith(".py"):
            listed.add(folder + name)
        else:
            listed |= {f"{folder}{name}{inner}" for inner in re.findall(r"\b\w+\.py\b", line)}
    files = {
        str(path.relative_to(ROOT))
        for package in ("memory", "app")
        for path in (ROOT / package).glob("*.py")
        if path.name != "__main__.py" and path.stat().st_size
    }
    assert files <= listed, sorted(files - listed)
    assert all((ROOT / name).exists() for name in listed), listed


def test_the_console_table_names_every_command() -> None:
    """Each command of memory-service is told."""
    from typer.main import get_command

    from app.cli import app

    def names(command: object, prefix: str = "") -> set[str]:
        inner = getattr(command, "commands", None)
        if not inner:
            return {prefix.strip()}
        return set().union(*(names(c, f"{prefix} {n}") for n, c in inner.items()))

    console = PAGES["app/README.md"].split("## The console")[1].split("\n## ")[0]
    told = re.findall(r"^\| `([a-z ]+?)(?: FILE| SOURCE)?` \|", console, re.MULTILINE)
    assert set(told) == names(get_command(app))
