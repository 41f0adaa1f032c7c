"""Everything can be read: contrast in each theme, signs without colour, looks in one stylesheet."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from textual.color import Color
from textual.theme import Theme
from textual.widget import Widget

import conductor_tui.app
from conductor_tui.widgets import themes
from conductor_tui.widgets.rows import LOOKS, RowView
from conductor_tui.widgets.status_bar import StatusBar
from conductor_tui.widgets.tab_strip import TabStrip
from tests.support.desk import opened
from tests.support.pictures import waiting_run

STYLES = Path(conductor_tui.app.__file__).with_name("styles.tcss")
PLAIN_TEXT = 4.5
"""Contrast of text by WCAG 2.1, level AA."""
MARKS = {"rows--thumb", "rows--track"}
"""Lines, not text."""
BANDS = ("", "cursor", "cursor-blurred", "add", "del", "file")


def ratio(color: Color | None, ground: Color | None) -> float:
    """Return the contrast of two colours by WCAG."""
    assert color is not None
    assert ground is not None

    def light(value: Color) -> float:
        parts = [
            part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
            for part in value.normalized
        ]
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]

    high, low = sorted((light(color), light(ground)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def faults(widget: Widget, names: set[str]) -> list[str]:
    """Return the component styles of a widget that are hard to read."""
    found = []
    for name in sorted(names - MARKS):
        style = widget.get_visual_style(name)
        contrast = ratio(style.foreground, style.background)
        if contrast < PLAIN_TEXT:
            found.append(f"{name}: {contrast:.2f}")
    return found


@pytest.mark.parametrize("theme", themes.THEMES, ids=lambda theme: theme.name)
async def test_all_text_has_enough_contrast(theme: Theme) -> None:
    async with opened(waiting_run(), theme=theme.name) as table:
        screen = table.dashboard
        for kind in (RowView, StatusBar, TabStrip):
            widget = screen.query(kind).first()
            assert faults(widget, set(kind.COMPONENT_CLASSES)) == []
        rows = screen.query(RowView).first()
        for band in BANDS:
            ground = rows.get_visual_style(*([f"rows--{band}"] if band else [])).background
            for look in LOOKS:
                color = rows.get_visual_style(f"rows--{look}").foreground
                if f"rows--{look}" not in MARKS and look != "match":
                    assert ratio(color, ground) >= PLAIN_TEXT, (band, look)


async def test_the_key_goes_through_the_themes() -> None:
    async with opened() as table:
        seen = []
        for _ in themes.THEMES:
            await table.press("T")
            seen.append(table.app.theme)
        assert seen == [themes.LIGHT.name, themes.CONTRAST.name, themes.DARK.name]


async def test_without_colour_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with opened(waiting_run()) as table:
        for rows in table.dashboard.query(RowView):
            for y in range(rows.size.height):
                for segment in rows.render_line(y):
                    if segment.style is not None and segment.style.color is not None:
                        color = segment.style.color.get_truecolor()
                        assert color.red == color.green == color.blue


def test_fixed_colours_stand_in_the_themes_alone() -> None:
    assert re.findall(r"#[0-9a-fA-F]{3,8}\b(?=\s*;)", STYLES.read_text()) == []


def test_the_chapters_come_in_order() -> None:
    chapters = re.findall(r"/\* (\d) ── ", STYLES.read_text())
    assert chapters == list("123456")


async def test_every_selector_names_something_that_is_there() -> None:
    known = {cls.__name__ for cls in _classes(Widget)}
    text = re.sub(r"/\*.*?\*/|\{[^}]*\}", "", STYLES.read_text(), flags=re.DOTALL)
    named = set(re.findall(r"(?<![\w#.$:-])[A-Z]\w+", text))
    assert named - known == set()


def _classes(base: type[Widget]) -> set[type[Widget]]:
    return {base}.union(*(_classes(child) for child in base.__subclasses__()))
