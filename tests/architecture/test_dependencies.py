"""Each dependency has its reason, its exact version and its hashes."""

from __future__ import annotations

import re
import tomllib

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.architecture.source import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")


def declared() -> dict[str, Requirement]:
    """Return everything pyproject.toml asks for, by name."""
    groups = PROJECT["dependency-groups"].values()
    texts = [text for group in groups for text in group if isinstance(text, str)]
    requirements = [Requirement(text) for text in [*PROJECT["project"]["dependencies"], *texts]]
    return {canonicalize_name(requirement.name): requirement for requirement in requirements}


def locked() -> dict[str, str]:
    """Return the versions of the lock file, by name."""
    return dict(re.findall(r"^([a-z0-9-]+)==(\S+)", LOCK, re.MULTILINE))


def test_every_dependency_has_one_reason() -> None:
    text = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
    reasons = re.findall(r"^- `([a-z0-9-]+)`: \S", text, re.MULTILINE)
    assert sorted(reasons) == sorted(declared())


def test_the_lock_fits_what_is_declared() -> None:
    versions = locked()
    unfit = {
        name: versions.get(name)
        for name, requirement in declared().items()
        if name not in versions or versions[name] not in requirement.specifier
    }
    assert unfit == {}, "run `make lock`"


def test_every_locked_package_has_a_hash() -> None:
    entries = re.split(r"^(?=[a-z0-9-]+==)", LOCK, flags=re.MULTILINE)
    assert [entry.split()[0] for entry in entries if entry and "--hash=sha256:" not in entry] == []
