"""Lets the assertions of this folder's helpers tell what they compared, as those of tests do."""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite(
    "tests.external.main_job", "tests.external.survival_job", "tests.support.proc"
)
