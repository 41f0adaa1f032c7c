"""Verdicts and diffs that the tests of judging are made of."""

from __future__ import annotations

import json
from typing import Any

from conductor_tui.supervision.judging import Judgement
from conductor_tui.supervision.verdict import Verdict

DIFF = """\
diff --git a/textkit/slug.py b/textkit/slug.py
index 1111111..2222222 100644
--- a/textkit/slug.py
+++ b/textkit/slug.py
@@ -10,4 +10,5 @@ def slug(text):
     first = text
-    return first
+    low = first.lower()
+    return low
     # end
     # over
diff --git a/docs/new page.md b/docs/new page.md
new file mode 100644
index 0000000..3333333
--- /dev/null
+++ b/docs/new page.md\t
@@ -0,0 +1,2 @@
+# Page
+--- a/not/a/header
diff --git a/old.txt b/old.txt
deleted file mode 100644
index 4444444..0000000
--- a/old.txt
+++ /dev/null
@@ -1,2 +0,0 @@
-one
-two
\\ No newline at end of file
"""


def answer(**changes: Any) -> dict[str, Any]:
    """Return a good answer of a judge, with changes."""
    return {
        "requirements": [
            {
                "text": "slug() lower-cases",
                "status": "met",
                "evidence": [{"file": "textkit/slug.py", "line": 11}, {"check": "make check"}],
            }
        ],
        "issues": [],
        "score": 90,
        "confidence": 80,
        "summary": "Fine.",
        "feedback": "",
    } | changes


def text(**changes: Any) -> str:
    """Return the same as a model writes it."""
    return json.dumps(answer(**changes), indent=2)


def verdict(**changes: Any) -> Verdict:
    """Return the same as it is read."""
    return Verdict.model_validate(answer(**changes))


def judgement(not_judged: tuple[str, ...] = (), **changes: Any) -> Judgement:
    """Return what came of it."""
    return Judgement(verdict(**changes), (), not_judged)


def requirement(status: str, what: str = "slug() strips marks") -> dict[str, Any]:
    """Return a requirement; one that is met shows where."""
    cited = [{"file": "textkit/slug.py", "line": 12}] if status == "met" else []
    return {"text": what, "status": status, "evidence": cited}


def issue(severity: str, what: str = "it fails on an empty text", line: int = 11) -> dict[str, Any]:
    """Return an issue."""
    return {"severity": severity, "file": "textkit/slug.py", "line": line, "text": what}
