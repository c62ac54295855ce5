"""What stands around a pack: modules and UPSs, their sensors, protection and faults."""
