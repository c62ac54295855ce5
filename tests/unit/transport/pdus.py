"""A read of three words, and answers that are each wrong in a way of their own."""

from agent.transport.modbus_frames import Expected

THREE_WORDS = Expected(unit_id=17, function=3, count=3)
# MODBUS Application Protocol V1.1b3, section 6.3: registers 108 to 110.
WORDS_PDU = bytes.fromhex("03 06 022B 0000 0064")
WORDS = [0x022B, 0x0000, 0x0064]

WRONG_PDUS = {
    "short by a register": bytes.fromhex("03 04 022B 0000"),
    "long by a register": bytes.fromhex("03 08 022B 0000 0064 0001"),
    "another function": bytes.fromhex("04 06 022B 0000 0064"),
    "says more than it holds": bytes.fromhex("03 08 022B 0000 0064"),
    "holds more than it says": bytes.fromhex("03 06 022B 0000 0064 0001"),
    "exception of another function": bytes.fromhex("84 02"),
    "exception without code": bytes.fromhex("83"),
    "exception code 0": bytes.fromhex("83 00"),
    "no data": bytes.fromhex("03"),
}
