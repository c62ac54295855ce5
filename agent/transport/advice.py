"""One sentence that says what is wrong with the way to a device and what to do."""

import errno
import socket

from agent.targets import ModbusHost, SerialLine, SnmpHost


def advise(target: SerialLine | ModbusHost | SnmpHost, error: Exception) -> str:
    """Explain why ``target`` cannot be reached, given what the system said."""
    if isinstance(target, SerialLine):
        return _serial_advice(target, error)
    return _network_advice(target, error)


def advise_silence(target: SerialLine | ModbusHost | SnmpHost, timeout_s: float) -> str:
    """Say that ``target`` let the time pass in which a connection was to be made."""
    return (
        f"{target}: no connection within {timeout_s:.3g} s; "
        "check the address, the cable and firewalls between"
    )


def _network_advice(target: ModbusHost | SnmpHost, error: Exception) -> str:
    code = _code(error)
    if isinstance(error, socket.gaierror):
        return f"{target}: the host name is not known; check its spelling and DNS"
    if code == errno.ECONNREFUSED:
        return (
            f"{target}: the connection was refused; check the port and that the device "
            "has this protocol switched on and a connection free"
        )
    if code in {errno.EHOSTUNREACH, errno.ENETUNREACH}:
        return f"{target}: there is no route to the host; check address, cable and gateway"
    if code in {errno.EMFILE, errno.ENFILE}:
        return (
            f"{target}: the agent may open no more files, and each network unit needs one; "
            "raise their limit (LimitNOFILE= of the service, or ulimit -n)"
        )
    return f"{target}: cannot connect ({error}); check the address and the port"


def _serial_advice(line: SerialLine, error: Exception) -> str:
    code = _code(error)
    if code == errno.ENOENT:
        return f"{line}: there is no such serial line; check the adapter and the path"
    if code in {errno.EACCES, errno.EPERM}:
        return (
            f"{line}: the serial line may not be opened; "
            "add the agent's user to the group that owns it (dialout)"
        )
    if code in {errno.EAGAIN, errno.EBUSY}:
        return (
            f"{line}: another program has the serial line open; "
            "a line has one master only, stop the other"
        )
    if code == errno.EINVAL or isinstance(error, ValueError):
        return (
            f"{line}: the serial line does not take {line.baudrate} baud, parity {line.parity}, "
            f"{line.stop_bits} stop bits; set what the adapter can do "
            "(a pseudo-terminal takes only parity none)"
        )
    if code == errno.ENOTTY:
        return f"{line}: this is not a serial line; check the path"
    return f"{line}: the serial line cannot be opened ({error}); check the adapter"


def _code(error: BaseException) -> int | None:
    """Give the errno of ``error`` or of the one behind it (pyserial wraps some without)."""
    if error.args and isinstance(error.args[0], int):
        return error.args[0]
    return _code(error.__context__) if error.__context__ is not None else None
