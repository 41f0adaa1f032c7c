"""Rules for tools other than the shell, the order of the lists, and rules made of answers."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conductor_tui.domain.values import Verdict
from conductor_tui.supervision.patterns import Pattern, escaped
from conductor_tui.supervision.permissions import (
    Policy,
    RuleError,
    judge,
    parse_rule,
    rule_for,
)

CWD = "/srv/space"
HOME = "/home/ada"


def verdict(policy: Policy, tool: str, **given: Any) -> Verdict | None:
    return judge(policy, tool, given, CWD, home=HOME).verdict


PATHS = [
    # rule, tool, path, whether the rule means it
    ("Read", "Read", "/srv/space/a.py", True),
    ("Read", "Read", "a.py", True),
    ("Read", "Read", "/etc/passwd", False),
    ("Read", "Read", "/srv/space/../other/a", False),
    ("Read", "Read", "/srv/spaceship/a", False),
    ("Read", "Read", "../../etc/passwd", False),
    ("Read", "Read", "~/.ssh/id_ed25519", False),
    ("Read", "Read", "/proc/self/cwd/../x", False),
    ("Read", "Read", "/srv/space/a\0b", False),
    ("Read(src/**)", "Read", "/srv/space/src/a/b.py", True),
    ("Read(src/**)", "Read", "/srv/space/lib/src.py", False),
    ("Read(src/**)", "Read", "/srv/space/src/../.env", False),
    ("Read(src/**)", "Read", "//srv/space/src/a", True),
    ("Read(./src/**)", "Read", "/srv/space/src/a", True),
    ("Read(/src)", "Read", "/srv/space/src/a", True),
    ("Read(/src)", "Read", "/srv/space/lib/src/a", False),
    ("Read(*.md)", "Read", "/srv/space/docs/a.md", True),
    ("Read(*.md)", "Read", "/etc/a.md", False),
    ("Read(//etc/**)", "Read", "/etc/ssh/config", True),
    ("Read(//etc/**)", "Read", "/srv/space/../../etc/hosts", True),
    ("Read(//etc/**)", "Read", "/srv/space/etc/hosts", False),
    ("Read(//**)", "Read", "/proc/self/root/etc/passwd", False),
    ("Read(~/notes/**)", "Read", "/home/ada/notes/a", True),
    ("Read(~/notes/**)", "Read", "~/notes/a", True),
    ("Read(~/notes/**)", "Read", "/home/bob/notes/a", False),
    ("Read(src/**)", "Grep", "/srv/space/src", True),
    ("Read(src/**)", "Grep", "/srv/space", False),
    ("Read(*.py)", "Grep", "/srv/space/src", False),
    ("Read", "LS", "/srv/space", True),
    ("Read", "LS", "/", False),
    ("Edit", "Write", "/srv/space/a", True),
    ("Edit", "MultiEdit", "/srv/space/a", True),
    ("Edit", "Read", "/srv/space/a", False),
    ("Edit(docs/**)", "Write", "/srv/space/docs/a", True),
    ("Edit(docs/**)", "Write", "/srv/space/src/a", False),
    ("Write", "Edit", "/srv/space/a", False),
    ("Read", "Write", "/srv/space/a", False),
    ("*", "Read", "/srv/space/a", True),
]


@pytest.mark.parametrize(("rule", "tool", "path", "means"), PATHS)
def test_paths_that_a_rule_allows(rule: str, tool: str, path: str, means: bool) -> None:
    key = "path" if tool in ("Grep", "LS") else "file_path"
    found = verdict(Policy.of(allow=[rule]), tool, **{key: path})
    assert found is (Verdict.ALLOW if means else None)


DENIED_PATHS = [
    ("Read(.env)", "Read", "/srv/space/.env", True),
    ("Read(.env)", "Read", "/srv/space/deep/.env", True),
    ("Read(.env)", "Read", "/srv/space/src/../.env", True),
    ("Read(.env)", "Read", "./x/..//.env", True),
    ("Read(.env)", "Read", "/srv/space/.envrc", False),
    ("Read(.env)", "Grep", "/srv/space/.env", True),
    ("Read(secrets/**)", "Grep", "/srv/space/secrets", True),
    ("Read(secrets/**)", "Grep", "/srv/space", False),
    ("Read(~/.ssh/**)", "Read", "/home/ada/.ssh/id", True),
    ("Edit", "Write", "/anywhere/at/all", True),
    ("Edit(//etc/**)", "NotebookEdit", "/srv/../etc/x.ipynb", True),
]


@pytest.mark.parametrize(("rule", "tool", "path", "means"), DENIED_PATHS)
def test_paths_that_a_rule_denies(rule: str, tool: str, path: str, means: bool) -> None:
    key = {"Grep": "path", "NotebookEdit": "notebook_path"}.get(tool, "file_path")
    found = verdict(Policy.of(allow=["*"], deny=[rule]), tool, **{key: path})
    assert (found is Verdict.DENY) is means


def test_a_home_that_is_not_known_is_anybodys() -> None:
    policy = Policy.of(deny=["Read(~/.ssh/**)"])
    for home in ("/home/x", "/root", "/Users/y"):
        ruling = judge(policy, "Read", {"file_path": f"{home}/.ssh/id"}, CWD)
        assert ruling.verdict is Verdict.DENY


def test_a_link_counts_by_where_it_leads_too() -> None:
    def resolve(path: str) -> str:
        return path.replace("/srv/space/link", "/etc")

    policy = Policy.of(allow=["Read"], deny=["Read(//etc/shadow)"])
    found = {
        path: judge(policy, "Read", {"file_path": path}, CWD, resolve=resolve).verdict
        for path in ("link/hosts", "link/shadow", "other")
    }
    assert found == {"link/hosts": None, "link/shadow": Verdict.DENY, "other": Verdict.ALLOW}


SEARCHES: list[tuple[str, dict[str, Any], Verdict | None]] = [
    ("Glob", {"pattern": "**/*.py"}, Verdict.ALLOW),
    ("Glob", {"pattern": "/etc/*"}, None),
    ("Glob", {"pattern": "../../etc/*"}, None),
    ("Glob", {"pattern": "{../..,}/etc/*"}, None),
    ("Glob", {"pattern": "**/.env"}, Verdict.DENY),
    ("Grep", {"pattern": "x"}, Verdict.ALLOW),
    ("Grep", {"pattern": "x", "path": "/etc"}, None),
    ("Grep", {"pattern": "x", "glob": ".env"}, Verdict.DENY),
]


@pytest.mark.parametrize(("tool", "given", "expected"), SEARCHES)
def test_searches(tool: str, given: dict[str, Any], expected: Verdict | None) -> None:
    policy = Policy.of(allow=["Read"], deny=["Read(.env)"])
    assert judge(policy, tool, given, CWD).verdict is expected


HOSTS = [
    ("WebFetch", "https://anything.example/x", Verdict.ALLOW),
    ("WebFetch(domain:example.org)", "https://example.org/a?b", Verdict.ALLOW),
    ("WebFetch(domain:example.org)", "https://EXAMPLE.org.:443/", Verdict.ALLOW),
    ("WebFetch(domain:example.org)", "https://www.example.org/", None),
    ("WebFetch(domain:*.example.org)", "https://www.example.org/", Verdict.ALLOW),
    ("WebFetch(domain:*.example.org)", "https://notexample.org/", None),
    ("WebFetch(domain:example.org)", "https://example.org@evil.example/", None),
    ("WebFetch(domain:example.org)", "https://evil.example\\@example.org/", None),
    ("WebFetch(domain:example.org)", "https://evil.example/#example.org", None),
    ("WebFetch(domain:example.org)", "https://example.org\n.evil.example/", None),
    ("WebFetch(domain:example.org)", "file:///example.org", None),
    ("WebFetch(domain:example.org)", "https://[bad", None),
]


@pytest.mark.parametrize(("rule", "url", "expected"), HOSTS)
def test_hosts_that_a_rule_allows(rule: str, url: str, expected: Verdict | None) -> None:
    assert verdict(Policy.of(allow=[rule]), "WebFetch", url=url) is expected


def test_a_host_is_denied_with_all_below_it() -> None:
    policy = Policy.of(allow=["WebFetch"], deny=["WebFetch(domain:evil.example)"])
    assert verdict(policy, "WebFetch", url="https://a.b.evil.example/") is Verdict.DENY
    assert verdict(policy, "WebFetch", url="http://x@EVIL.example./") is Verdict.DENY
    assert verdict(policy, "WebFetch", url="https://notevil.example/") is Verdict.ALLOW


TOOLS = [
    ("mcp__github", "mcp__github__get_issue", True),
    ("mcp__github__*", "mcp__github__get_issue", True),
    ("mcp__github__get_issue", "mcp__github__get_issue", True),
    ("mcp__github__get_issue", "mcp__github__delete", False),
    ("mcp__git", "mcp__github__get_issue", False),
    ("TodoWrite", "TodoWrite", True),
    ("TodoWrite", "TodoWriter", False),
    ("Unheard", "Unheard", True),
    ("Skill(deploy *)", "Skill", False),
]


@pytest.mark.parametrize(("rule", "tool", "means"), TOOLS)
def test_tools_by_name(rule: str, tool: str, means: bool) -> None:
    assert (verdict(Policy.of(allow=[rule]), tool, skill="other") is Verdict.ALLOW) is means


def test_a_specifier_of_another_tool_is_held_against_its_value() -> None:
    policy = Policy.of(allow=["Skill(deploy *)"], deny=["Agent(Explore)"])
    assert verdict(policy, "Skill", skill="deploy staging") is Verdict.ALLOW
    assert verdict(policy, "Agent", subagent_type="Explore") is Verdict.DENY
    assert verdict(policy, "Agent", subagent_type=7) is None


def test_deny_then_ask_then_allow_then_nothing() -> None:
    lists = {"allow": ["Read"], "ask": ["Read(docs/**)"], "deny": ["Read(docs/secret)"]}
    policy = Policy.of(**lists)
    for path, expected, rule in (
        ("docs/secret", Verdict.DENY, "Read(docs/secret)"),
        ("docs/a", Verdict.ASK, "Read(docs/**)"),
        ("src/a", Verdict.ALLOW, "Read"),
        ("/etc/a", None, ""),
    ):
        ruling = judge(policy, "Read", {"file_path": path}, CWD)
        assert (ruling.verdict, ruling.rule) == (expected, rule)
        assert rule in ruling.reason


def test_the_reason_names_every_rule_that_a_command_needs() -> None:
    policy = Policy.of(allow=["Bash(git status *)", "Bash(ls)"])
    ruling = judge(policy, "Bash", {"command": "git status && ls && git status"}, CWD)
    assert ruling.reason == "allowed by the rule Bash(git status *), Bash(ls)"
    missing = judge(policy, "Bash", {"command": "ls && make"}, CWD)
    assert missing.reason == "no rule allows `make`"


def test_redirections_meet_rules_about_files() -> None:
    policy = Policy.of(allow=["Bash"], deny=["Edit(.env)", "Read(secret)"], ask=["Edit(*.lock)"])
    for command, expected in (
        ("echo x > .env", Verdict.DENY),
        ("echo x >> sub/../.env", Verdict.DENY),
        ("cat < secret", Verdict.DENY),
        ("bash -c 'echo x > .env'", Verdict.DENY),
        ("echo x > a.lock", Verdict.ASK),
        ("echo x > other", Verdict.ALLOW),
        ("cat < .env", Verdict.ALLOW),
    ):
        assert verdict(policy, "Bash", command=command) is expected, command


PATTERNS = [
    ("git diff *", "git diff", True),
    ("git diff *", "git diff -s", True),
    ("git diff *", "git differ", False),
    ("git diff:*", "git diff", True),
    ("git diff:*", "git diff a", True),
    ("git diff:*", "git differ", False),
    ("ls*", "lsof", True),
    ("git * main", "git push origin main", True),
    ("git * main", "git main", False),
    ("* --version", "node --version", True),
    ("a*a", "a", False),
    ("a*b*c", "axbxc", True),
    ("a*b*c", "acb", False),
    (r"ls \*", "ls *", True),
    (r"ls \*", "ls a", False),
    (r"a\\*", "a\\b", True),
    ("a.c", "abc", False),
    ("npm run test", "npm run test", True),
    ("npm run test", "npm run test:unit", False),
]


@pytest.mark.parametrize(("pattern", "text", "means"), PATTERNS)
def test_patterns(pattern: str, text: str, means: bool) -> None:
    assert Pattern.parse(pattern).matches(text) is means


@given(st.text(min_size=1), st.text())
def test_an_escaped_text_means_itself_alone(text: str, other: str) -> None:
    pattern = Pattern.parse(escaped(text))
    assert pattern.matches(text)
    assert pattern.matches(other) is (other == text)


BAD_RULES = [
    "",
    "  ",
    "Bash(",
    "Bash()",
    "Bash(git) x",
    "(x)",
    "Read(../x)",
    "Read(!x)",
    "WebFetch(example.org)",
    "WebFetch(domain:)",
    "mcp__a__b(x)",
    "TodoWrite(x)",
    "Bash(a\0b)",
    "Ba sh",
]


@pytest.mark.parametrize("text", BAD_RULES)
def test_what_is_no_rule(text: str) -> None:
    with pytest.raises(RuleError) as caught:
        parse_rule(text)
    assert str(caught.value)


@pytest.mark.parametrize("text", ["Bash", "Bash(*)", "Bash(:*)", " Bash "])
def test_rules_about_every_use_of_a_tool(text: str) -> None:
    assert parse_rule(text).specifier is None


CALLS: list[tuple[str, dict[str, Any], str]] = [
    ("Bash", {"command": "git push origin main"}, "Bash(git push origin main)"),
    ("Bash", {"command": "ls *.py | wc > out"}, r"Bash(ls \*.py | wc > out)"),
    ("Bash", {"command": "echo (((' $X"}, "Bash(echo (((' $X)"),
    ("Edit", {"file_path": "/srv/space/a b/[x].py"}, r"Edit(/a b/\[x\].py)"),
    ("Write", {"file_path": "/etc/hosts"}, "Edit(//etc/hosts)"),
    ("NotebookEdit", {"notebook_path": "n.ipynb"}, "Edit(/n.ipynb)"),
    ("Read", {"file_path": "/srv/space/#a!"}, "Read(/#a!)"),
    ("Grep", {"pattern": "x"}, "Grep"),
    ("Grep", {"pattern": "x", "path": "/etc"}, "Read(//etc)"),
    ("Glob", {"pattern": "/etc/*"}, r"Read(//etc/\*)"),
    ("WebFetch", {"url": "https://Example.org/x"}, "WebFetch(domain:example.org)"),
    ("mcp__a__b", {"x": 1}, "mcp__a__b"),
    ("Skill", {"skill": "deploy"}, "Skill(deploy)"),
    ("Other", {}, "Other"),
]


@pytest.mark.parametrize(("tool", "given", "rule"), CALLS)
def test_always_makes_a_rule_that_allows_the_call(
    tool: str, given: dict[str, Any], rule: str
) -> None:
    assert rule_for(tool, given, CWD) == rule
    assert judge(Policy().allowing(rule), tool, given, CWD).verdict is Verdict.ALLOW


def test_always_allows_nothing_besides() -> None:
    policy = Policy().allowing(
        rule_for("Bash", {"command": "git push origin main"}),
        rule_for("Edit", {"file_path": "/srv/space/a*"}, CWD),
    )
    assert verdict(policy, "Bash", command="git push origin main --force") is None
    assert verdict(policy, "Bash", command="git push origin main; ls") is None
    assert verdict(policy, "Edit", file_path="ab") is None
    assert verdict(policy, "Read", file_path="a*") is None


@given(st.text(min_size=1).filter(str.strip))
def test_always_covers_any_command(command: str) -> None:
    if "\0" in command:
        with pytest.raises(RuleError):
            rule_for("Bash", {"command": command})
        return
    policy = Policy().allowing(rule_for("Bash", {"command": command}))
    assert verdict(policy, "Bash", command=command) is Verdict.ALLOW


@pytest.mark.parametrize(
    ("tool", "given"),
    [("Bash", {}), ("Bash", {"command": 3}), ("Edit", {}), ("WebFetch", {"url": "ftp://x"})],
)
def test_no_rule_of_a_call_that_says_nothing(tool: str, given: dict[str, Any]) -> None:
    with pytest.raises(RuleError):
        rule_for(tool, given, CWD)


@pytest.mark.parametrize("given", [{}, {"command": None}, {"file_path": 3}, {"url": []}])
@pytest.mark.parametrize("tool", ["Bash", "Read", "Edit", "WebFetch", "Glob", "mcp__a__b"])
def test_an_input_of_any_shape_is_judged(tool: str, given: dict[str, Any]) -> None:
    policy = Policy.of(allow=["Bash(ls)", "WebFetch(domain:a)", "Edit(x)"], deny=["Read(.env)"])
    assert judge(policy, tool, given, CWD).verdict is None
