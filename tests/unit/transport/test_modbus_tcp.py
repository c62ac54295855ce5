"""The connection of Modbus TCP against a loop that was held up."""

import asyncio
from typing import Any

from agent.model import Table
from agent.transport.modbus_frames import expect
from agent.transport.modbus_tcp import _Connection


class Deaf(asyncio.Transport):
    """Takes what is sent and says nothing."""

    def write(self, data: Any) -> None:
        assert data

    def close(self) -> None:
        return


async def test_an_answer_and_its_time_out_in_one_turn_are_an_answer() -> None:
    loop = asyncio.get_running_loop()
    problems: list[dict[str, Any]] = []
    loop.set_exception_handler(lambda _loop, context: problems.append(context))
    connection = _Connection()
    connection.connection_made(Deaf())
    due_s = loop.time() + 0.001
    asked = asyncio.create_task(connection.ask(1, expect(5, Table.HOLDING, 3, 1), 3, due_s))
    await asyncio.sleep(0)
    while loop.time() <= due_s:
        pass
    loop.call_soon(connection.data_received, bytes.fromhex("0001 0000 0005 05 03 02 03eb"))
    heard = await asked
    assert heard is not None
    assert heard.reply is not None
    assert heard.reply.values == [1003]
    assert problems == []
