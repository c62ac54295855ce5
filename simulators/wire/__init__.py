"""Serial lines, Modbus servers and SNMP agents, and what goes wrong on them."""
