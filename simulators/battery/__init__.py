"""Series elements and packs: chemistry, charge, heat and ageing. No wire, no clock."""
