"""Whatever an agent leaves in its workspace, the commit holds it, and the diff tells it."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conductor_tui.domain.ports.work import Workspace
from conductor_tui.workspace.diffs import cut, parse
from tests.support.fingerprint import fingerprint
from tests.workspace.conftest import RUN, Room, files, git, make_room

NAMES = st.one_of(
    st.sampled_from(["a", "b", "dir", "dir/a", "dir/b", "dir/sub/a", "README.md", "textkit"]),
    st.binary(min_size=1, max_size=6)
    .filter(lambda raw: b"\0" not in raw and b"/" not in raw)
    .map(os.fsdecode)
    .filter(lambda name: name not in {".", ".."} and not name.lower().startswith((".git", "git~"))),
)
CONTENTS = st.one_of(st.sampled_from([b"", b"x\n", b"x\r\ny\n"]), st.binary(max_size=40))
ACTIONS = st.one_of(
    st.tuples(st.just("write"), NAMES, CONTENTS),
    st.tuples(st.just("exec"), NAMES, CONTENTS),
    st.tuples(st.just("link"), NAMES, st.sampled_from([b"a", b"../x", b"nowhere", b"dir"])),
    st.tuples(st.just("remove"), NAMES, st.just(b"")),
    st.tuples(st.just("folder"), NAMES, st.just(b"")),
)


def act(root: Path, kind: str, name: str, content: bytes) -> None:
    """Do to a folder what an agent might; what the file system refuses is not done."""
    file = root / name
    try:
        if os.path.lexists(file):
            if file.is_dir() and not file.is_symlink():
                shutil.rmtree(file)
            else:
                file.unlink()
        if kind == "remove":
            return
        file.parent.mkdir(parents=True, exist_ok=True)
        if kind == "folder":
            file.mkdir()
        elif kind == "link":
            os.symlink(content, os.fsencode(file))
        else:
            file.write_bytes(content)
            file.chmod(0o755 if kind == "exec" else 0o644)
    except OSError:
        return


def there(root: Path) -> dict[str, tuple[str, bytes]]:
    """Return what git can hold of a folder: path → mode and bytes."""
    found = {}
    for place, folders, names in os.walk(root):
        folders[:] = [name for name in folders if name != ".git"]
        for name in (*names, *(name for name in folders if Path(place, name).is_symlink())):
            file = Path(place, name)
            path = str(file.relative_to(root))
            if file.is_symlink():
                found[path] = ("120000", os.fsencode(os.readlink(file)))
            else:
                mode = "100755" if file.stat().st_mode & 0o100 else "100644"
                found[path] = (mode, file.read_bytes())
    return found


def stored(repo: Path, commit: str) -> dict[str, tuple[str, bytes]]:
    """Return what a commit holds: path → mode and bytes."""
    listed = run(repo, "ls-tree", "-rz", commit).split(b"\0")[:-1]
    entries = [entry.partition(b"\t")[::2] for entry in listed]
    wanted = b"".join(meta.split()[2] + b"\n" for meta, _ in entries)
    out = run(repo, "cat-file", "--batch", stdin=wanted)
    found = {}
    for meta, name in entries:
        head, _, rest = out.partition(b"\n")
        size = int(head.split()[2])
        found[os.fsdecode(name)] = (meta.split()[0].decode(), rest[:size])
        out = rest[size + 1 :]
    return found


def run(repo: Path, *arguments: str, stdin: bytes = b"") -> bytes:
    """Return what git prints, byte for byte."""
    command = ["git", *arguments]
    return subprocess.run(command, cwd=repo, input=stdin, check=True, capture_output=True).stdout


def expected(base: dict[str, tuple[str, bytes]], now: dict[str, tuple[str, bytes]]) -> set[object]:
    """Return (path, change) as a diff should tell it."""
    return {
        (path, "added" if path not in base else "deleted" if path not in now else "modified")
        for path in base.keys() | now.keys()
        if base.get(path) != now.get(path)
    }


@pytest.fixture
async def workspace(room: Room) -> Workspace:
    """An open workspace, with a file of each kind in its base."""
    first = await room.open("first")
    folder = files(first)
    (folder / "dir" / "sub").mkdir(parents=True)
    (folder / "dir" / "a").write_text("a\n")
    (folder / "dir" / "sub" / "a").write_text("a\n")
    (folder / "b").symlink_to("a")
    (folder / ".gitignore").unlink()
    await room.accept(first)
    return await room.open("one")


@settings(
    max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(steps=st.lists(st.lists(ACTIONS, max_size=5), min_size=1, max_size=3))
async def test_a_commit_holds_exactly_what_is_there(
    room: Room, workspace: Workspace, steps: list[list[tuple[str, str, bytes]]]
) -> None:
    base = stored(room.repo, workspace.base)
    root = files(workspace)
    for step in steps:
        for kind, name, content in step:
            act(root, kind, name, content)
        views = await room.workspaces.changes(workspace)
        now = there(root)
        assert {(view.path, view.change) for view in views} == expected(base, now)
        await room.workspaces.diff(workspace)
    commit = await room.workspaces.commit(RUN, workspace, "Work")
    assert stored(room.repo, commit) == there(root)
    assert await room.workspaces.commit(RUN, workspace, "Work") == commit
    views = await room.workspaces.changes(workspace)
    assert {(view.path, view.change) for view in views} == expected(base, there(root))
    await room.workspaces.put(workspace, workspace.base)
    assert there(root) == base
    await room.workspaces.put(workspace, commit)
    assert there(root) == stored(room.repo, commit)
    await room.workspaces.put(workspace, workspace.base)


@pytest.mark.parametrize("seen", [False, True])
async def test_files_folders_and_links_take_each_others_place(
    room: Room, workspace: Workspace, seen: bool
) -> None:
    root = files(workspace)
    for kind, name in (("write", "dir"), ("write", "README.md/inner"), ("link", "textkit")):
        act(root, "remove", name.partition("/")[0], b"")
        act(root, kind, name, b"tests")
    if seen:
        await room.workspaces.changes(workspace)
    commit = await room.workspaces.commit(RUN, workspace, "Work")
    assert stored(room.repo, commit) == there(root)
    assert {"dir", "README.md/inner", "textkit"} <= set(there(root))


async def test_line_ends_follow_the_attributes(repo: Path) -> None:
    (repo / ".gitattributes").write_text("*.txt text=auto\n*.crlf text eol=crlf\n*.bin -text\n")
    (repo / "a.crlf").write_bytes(b"1\r\n2\r\n")
    git(repo, "add", ".")
    git(repo, "commit", "-qm", "Attributes")
    room = await make_room(repo)
    await room.start()
    before = fingerprint(repo)
    workspace = await room.open()
    folder = files(workspace)
    assert (folder / "a.crlf").read_bytes() == b"1\r\n2\r\n"
    (folder / "b.txt").write_bytes(b"1\r\n2\r\n")
    (folder / "c.bin").write_bytes(b"1\r\n2\r\n")
    (folder / "empty").mkdir()
    commit = await room.workspaces.commit(RUN, workspace, "Work")
    held = stored(repo, commit)
    assert held["b.txt"][1] == b"1\n2\n"
    assert held["c.bin"][1] == b"1\r\n2\r\n"
    assert held["a.crlf"][1] == b"1\n2\n"
    assert "empty" not in held
    assert (folder / "b.txt").read_bytes() == b"1\r\n2\r\n"
    assert git(folder, "status", "--porcelain") == ""
    assert fingerprint(repo) == before


async def test_the_diff_is_complete_and_applies(room: Room, workspace: Workspace) -> None:
    folder = files(workspace)
    (folder / "latin").write_bytes(b"caf\xe9\n")
    (folder / "README.md").write_text("changed\n")
    (folder / "dir" / "a").unlink()
    (folder / "binary").write_bytes(b"\0\1\2")
    os.utime(folder / "textkit" / "words.py")
    views = {
        view.path: (view.added, view.removed) for view in await room.workspaces.changes(workspace)
    }
    assert views["binary"] == (0, 0)
    text = await room.workspaces.diff(workspace)
    assert "words.py" not in text
    assert "Binary files" in text
    assert text == await room.workspaces.diff(workspace)
    patch = text.encode("utf-8", "surrogateescape")
    cleaned = patch.partition(b"diff --git a/binary")[0] + patch[patch.index(b"diff --git a/dir") :]
    run(folder, "apply", "--check", "-R", stdin=cleaned)


async def test_an_embedded_repository_is_taken_in(room: Room, workspace: Workspace) -> None:
    folder = files(workspace)
    git(folder, "init", "-q", "made")
    (folder / "made" / ".gitignore").write_text("*.log\n")
    (folder / "made" / "a.txt").write_text("a\n")
    (folder / "made" / "x.log").write_text("ignored\n")
    (folder / "made" / "sub").mkdir()
    (folder / "made" / "sub" / "link").symlink_to("../a.txt")
    names = {"made/.gitignore", "made/a.txt", "made/sub/link"}
    assert {view.path for view in await room.workspaces.changes(workspace)} == names
    (folder / "made" / "later.txt").write_text("later\n")
    names.add("made/later.txt")
    assert {view.path for view in await room.workspaces.changes(workspace)} == names
    commit = await room.workspaces.commit(RUN, workspace, "Work")
    assert names <= set(stored(room.repo, commit))
    assert (folder / "made" / ".git").is_dir()


async def test_a_submodule_on_another_commit(room: Room, tmp_path: Path) -> None:
    source = tmp_path / "library"
    git(tmp_path, "init", "-q", str(source))
    git(source, "commit", "-q", "--allow-empty", "-m", "1")
    room.git("-c", "protocol.file.allow=always", "submodule", "add", "-q", str(source), "lib")
    room.git("commit", "-qm", "With a submodule")
    later = "20261121-100000-abcd"
    await room.start(later)
    workspace = await room.open(run=later)
    assert await room.workspaces.changes(workspace) == ()
    git(source, "commit", "-q", "--allow-empty", "-m", "2")
    git(files(workspace), "clone", "-q", str(source), "lib")
    views = await room.workspaces.changes(workspace)
    assert [(view.path, view.change) for view in views] == [("lib", "modified")]
    commit = await room.workspaces.commit(later, workspace, "Work")
    assert git(source, "rev-parse", "HEAD") in room.git("ls-tree", commit, "lib")


def test_counts_are_read() -> None:
    raw = b":100644 000000 aa 00 D\0gone\0:000000 100644 00 11 A\0:odd\tname\0"
    raw += b":100644 100644 aa bb M\0touched\0"
    counts = b"0\t3\tgone\0-\t-\t:odd\tname\0"
    found = [(view.path, view.change, view.added, view.removed) for view in parse(raw + counts)]
    assert found == [(":odd\tname", "added", 0, 0), ("gone", "deleted", 0, 3)]
    assert parse(b"") == ()


def test_a_long_diff_is_cut_at_a_line() -> None:
    out = b"first\nsecond\nthird\n"
    assert cut(out, 100) == "first\nsecond\nthird\n"
    kept, marker = cut(out, 9).split("\\", 1)
    assert kept == "first\n"
    assert "13 of 19 bytes" in marker
    assert marker.endswith("\n")
