"""What the command palette offers is what the keys do."""

from __future__ import annotations

from textual._callback import invoke

from conductor_tui.domain.commands import SetDispatch
from conductor_tui.screens.actions import ACTIONS
from tests.support.desk import opened
from tests.support.pictures import four_at_work, snapshot_of


async def test_the_palette_offers_the_table_and_does_it() -> None:
    async with opened(snapshot_of(*four_at_work())) as table:
        offered = {c.title: c for c in table.app.get_system_commands(table.app.screen)}
        assert {action.label for action in ACTIONS if action.palette} == set(offered)
        await table.app.run_action("command_palette")
        await table.settle()
        await table.press(*"Pause")
        await table.pilot.pause(0.5)
        await table.press("enter")
        await table.pilot.pause(0.3)
        assert table.sink.sent == [SetDispatch(True)]


async def test_a_panes_action_is_done_from_the_palette() -> None:
    async with opened(snapshot_of(*four_at_work())) as table:
        offered = {c.title: c for c in table.app.get_system_commands(table.app.screen)}
        await invoke(offered["Sort"].callback)
        assert table.dashboard.queue.by_state
