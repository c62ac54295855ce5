"""Listen on a serial line before speaking: is another master at work there?"""

import asyncio
import termios

import serial

from agent.errors import Unreachable
from agent.targets import Parity, SerialLine
from agent.transport.advice import advise

_PARITY = {
    Parity.NONE: serial.PARITY_NONE,
    Parity.EVEN: serial.PARITY_EVEN,
    Parity.ODD: serial.PARITY_ODD,
}


async def heard(line: SerialLine, seconds: float) -> int:
    """Count the bytes that come in ``seconds`` without anything being sent.

    At the wrong baud rate they are garbage, but they are heard.

    Raises:
        Unreachable: the line cannot be opened.
    """
    try:
        port = serial.Serial(
            line.path, line.baudrate, parity=_PARITY[line.parity], timeout=0, exclusive=True
        )
    except (OSError, termios.error, ValueError) as error:
        raise Unreachable(advise(line, error)) from error
    try:
        port.reset_input_buffer()
        await asyncio.sleep(seconds)
        return len(port.read(65536))
    except (OSError, termios.error) as error:
        raise Unreachable(advise(line, error)) from error
    finally:
        port.close()
