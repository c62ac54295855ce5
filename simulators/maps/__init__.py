"""How a unit shows its values: registers and SNMP objects, by the profiles."""
