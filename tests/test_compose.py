"""The compose files: what the specification, Docker's own program and we ask of them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from compose_spec import PyCompose

from app.settings import SECRETS, Settings

DOCKER = Path(__file__).parents[1] / "docker"
FILES = sorted(path.name for path in DOCKER.glob("compose*.yaml"))
PREFIX = "MEMORY_SERVICE_"
SETTINGS = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}
# What has to be given, as a shell or an .env file would.
GIVEN = {
    "BASE": "Qwen/Qwen2.5-1.5B-Instruct", "ADAPTER": "/adapter",
    "API_KEY_FILE": "./secrets/api-key", "DATABASE_PASSWORD_FILE": "./secrets/password",
}  # fmt: skip
_VARIABLE = re.compile(r"\$\{(\w+)(?::([?+-])([^}]*))?\}")


class Missing(Exception):
    """A variable that has to be given is not."""


class Loader(yaml.SafeLoader):
    """YAML with Compose's two tags of its own."""


Loader.add_constructor("!override", lambda loader, node: loader.construct_sequence(node))
Loader.add_constructor("!reset", lambda _loader, _node: [])


def interpolated(text: str, given: dict[str, str]) -> str:
    """The text with its variables' values, by Compose's rules for ``:?``, ``:-`` and ``:+``."""

    def value(found: re.Match[str]) -> str:
        name, how, more = found.groups()
        known = given.get(name, "")
        match how:
            case "?" if not known:
                raise Missing(f"{name}: {more}")
            case "-":
                return known or more
            case "+":
                return more if known else ""
        return known

    return _VARIABLE.sub(value, text)


def read(name: str, given: dict[str, str] = GIVEN) -> dict[str, Any]:
    """A compose file alone, without what it extends."""
    text = (DOCKER / name).read_text("utf-8")
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    found: dict[str, Any] = yaml.load(interpolated("\n".join(lines), given), Loader)
    return found


def services(name: str) -> dict[str, dict[str, Any]]:
    """The services of a file with what they extend, as far as it is asked for here."""
    found = {}
    for called, service in read(name)["services"].items():
        whole = dict(service)
        if extends := service.get("extends"):
            base = services(extends["file"])[extends["service"]]
            joined = [*base.get("environment", ()), *service.get("environment", ())]
            whole = {**base, **service, "environment": joined}
        found[called] = whole
    return found


def check(compose: dict[str, Any]) -> None:
    """Hold a file to the specification."""
    PyCompose.from_yaml(yaml.safe_dump(compose)).validate()


@pytest.mark.parametrize("name", FILES)
def test_follows_the_compose_specification(name: str) -> None:
    """Each file, and each network and secret that it uses is declared in it."""
    check(read(name))


def test_the_specification_is_held_to() -> None:
    """What it does not know, and a secret that is not declared, is found."""
    for more in ({"restarts": "always"}, {"restart": "sometimes"}, {"secrets": ["key"]}):
        with pytest.raises(ValueError, match=r"restart|secret"):
            check({"services": {"one": {"image": "a:1", **more}}})


@pytest.mark.parametrize("name", FILES)
def test_docker_compose_takes_it(name: str) -> None:
    """Docker's own program, which needs no engine for it, where it is installed."""
    programs = [["docker-compose"], ["docker", "compose"]]
    command = next((p for p in programs if shutil.which(p[0]) and _works(p)), None)
    if command is None:
        pytest.skip("Docker Compose 2.24 or later is not installed")
    run = [*command, "--file", str(DOCKER / name), "config"]
    bare = {name: value for name, value in os.environ.items() if name not in GIVEN}
    done = subprocess.run(run, env={**bare, **GIVEN}, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    reached = yaml.safe_load(done.stdout)["services"]
    for called, service in reached.items():
        for port in service.get("ports", ()):
            assert called in ("memory", "proxy")
            assert port["host_ip"] == "127.0.0.1"
    assert [one for one in reached if reached[one].get("ports")] == (
        ["proxy"] if "proxy" in reached else ["memory"]
    )


def _works(program: list[str]) -> bool:
    told = subprocess.run([*program, "version"], check=False, capture_output=True, text=True)
    version = re.search(r"v?(\d+)\.(\d+)", told.stdout)
    return version is not None and (int(version[1]), int(version[2])) >= (2, 24)


@pytest.mark.parametrize("name", FILES)
def test_says_what_has_to_be_given(name: str) -> None:
    """There is no default for a password, a key, a model: nothing starts without, and the error
    says what it is.
    """
    asked = {
        found[1] for found in _VARIABLE.finditer((DOCKER / name).read_text()) if found[2] == "?"
    }
    for missing in asked:
        others = {key: value for key, value in GIVEN.items() if key != missing}
        with pytest.raises(Missing, match=f"^{missing}: [a-z ]+"):
            read(name, others)
    files = {"compose.postgres.yaml": {"API_KEY_FILE", "DATABASE_PASSWORD_FILE"}}
    assert asked == files.get(name, {"BASE", "ADAPTER"} if "gpu" in name else set())


@pytest.mark.parametrize("name", FILES)
def test_environment_and_secrets_are_settings(name: str) -> None:
    """Each variable of the service and each file of a secret that it gets is a setting."""
    for called, service in services(name).items():
        if not called.startswith("memory"):
            continue
        variables = {each.partition("=")[0] for each in service["environment"]}
        assert variables <= SETTINGS
        secrets = {each["target"].upper() for each in service.get("secrets", ())}
        assert secrets <= SETTINGS
        assert not secrets & {e.partition("=")[0] for e in service["environment"] if "=" in e}


@pytest.mark.parametrize("name", FILES)
def test_services_are_confined(name: str) -> None:
    """Read-only roots, no capabilities, no new privileges, no user that is root, images with a
    version, and an end to restarts only by hand.
    """
    declared = read(name).get("volumes") or {}
    for called, service in services(name).items():
        assert service["read_only"] is True, called
        assert service["cap_drop"] == ["ALL"], called
        assert "no-new-privileges:true" in service["security_opt"], called
        assert service["restart"] == "unless-stopped", called
        assert not {"privileged", "network_mode", "pid"} & service.keys(), called
        # Ours says so itself (tests/test_docker.py); vLLM's is made for root.
        ours = "build" in service
        assert ours or called == "vllm" or re.fullmatch(r"[1-9]\d*:[1-9]\d*", service["user"])
        assert service.get("cap_add", []) == (["DAC_READ_SEARCH"] if called == "vllm" else [])
        assert ours or re.fullmatch(r"docker\.io/[\w/-]+:v?\d[\w.-]*", service["image"]), called
        for volume in service["volumes"]:
            source = volume.split(":")[0]
            assert source in declared or source.startswith((".", "/")), (called, volume)


def test_replicas_are_alike_and_share_no_folder() -> None:
    """They differ in their volume alone; the proxy is the only one that they believe, and the only
    one that others than the fleet reach.
    """
    fleet = services("compose.postgres.yaml")
    first, second = fleet["memory-1"], fleet["memory-2"]
    assert {**first, "volumes": 0} == {**second, "volumes": 0}
    assert first["volumes"] != second["volumes"]
    assert first["command"] == ["serve", "--host", "0.0.0.0"]
    address = fleet["proxy"]["networks"]["fleet"]["ipv4_address"]
    assert f"{PREFIX}PROXY={address}" in first["environment"]
    assert [called for called, service in fleet.items() if service.get("ports")] == ["proxy"]
    config = (DOCKER / "haproxy.cfg").read_text("utf-8")
    named = re.findall(r'server (\S+) +"\$\{\w+-(\S+):8000\}"', config)
    assert named == [("memory-1", "memory-1"), ("memory-2", "memory-2")]
    assert set(fleet["proxy"]["depends_on"]) == {"memory-1", "memory-2"}


def test_settings_are_read_from_secrets(tmp_path: Path) -> None:
    """A file of a setting's name is as good as its variable, and the password goes into the
    database's address, whatever it has in it; a password that is for nothing is refused.
    """
    (tmp_path / "memory_service_api_key").write_text("a key of enough characters\n")
    (tmp_path / "memory_service_database_password").write_text("p@ss:w/rd\n")
    address = "postgresql+psycopg://memory@postgres/memory"
    settings = Settings(_secrets_dir=tmp_path, database=address)
    assert settings.api_key is not None
    assert settings.api_key.get_secret_value() == "a key of enough characters"
    assert settings.database_url == ("postgresql+psycopg://memory:p%40ss%3Aw%2Frd@postgres/memory")
    assert "p@ss" not in repr(settings)
    for wrong in (None, "sqlite:///memory.db", "postgresql+psycopg://memory:other@postgres/memory"):
        with pytest.raises(ValueError, match="MEMORY_SERVICE_DATABASE") as refused:
            Settings(_secrets_dir=tmp_path, database=wrong)
        assert "p@ss" not in str(refused.value)
    assert Path("/run/secrets") == SECRETS
