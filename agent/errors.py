"""The error tree. Class names are the ``cause`` label values of the poll error counter.

A bad *field* is never an exception: it is a ``Fault`` in the sample, so that the other
fields of the unit survive.
"""


class AgentError(Exception):
    """Root of every error that bbu-agent raises on purpose."""

    @property
    def cause(self) -> str:
        """The ``cause`` label value of this error."""
        return type(self).__name__


class ConfigError(AgentError):
    """The configuration is wrong. The text holds one ``file:line: path: message`` a line."""


class ProfileError(AgentError):
    """A profile is wrong. The text names the file, the field and what to do."""


class StoreError(AgentError):
    """The state directory cannot be used. Monitoring goes on in memory."""


class Unidentified(AgentError):  # noqa: N818 - a label value, like those of the transports
    """The device answers, and no profile fits it. The text says what was tried."""


class InternalError(AgentError):
    """A mistake of our own met while polling a unit; the log has the traceback."""


class ListenError(AgentError):
    """An address to serve on cannot be used. The text says what to do."""


class TransportError(AgentError):
    """A request to a device did not give an answer that can be used."""


class Unreachable(TransportError):  # noqa: N818 - these names are label values
    """No path to the device: connection refused, no route, serial line missing."""


class NoAnswer(TransportError):  # noqa: N818
    """The request was sent and the time-out passed in silence."""


class BadAnswer(TransportError):  # noqa: N818
    """An answer came and it is not one to our request."""

    def __init__(self, message: str, payload: bytes = b"") -> None:
        """Keep ``payload``, the offending bytes as far as they are known."""
        super().__init__(message)
        self.payload = payload


class Refused(TransportError):  # noqa: N818
    """The device answered with an error code of its protocol. It is alive."""

    def __init__(self, message: str, code: int) -> None:
        """Keep ``code``: a Modbus exception code or an SNMP error-status."""
        super().__init__(message)
        self.code = code


class AuthFailed(TransportError):  # noqa: N818
    """The device rejected our user, password or community and said so."""
