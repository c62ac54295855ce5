"""CPU time of the two SNMP engines side by side: read the ratio, not the seconds.

Usage: ``python tests/benchmarks/snmp_engines.py HOST PORT COMMUNITY OID [COUNT]`` reads
``COUNT`` (1000) times 20 variables of the agent's table OID, or as many as it has.
"""

import asyncio
import sys
import time

from agent.model import Oid
from agent.targets import Community, Secret, SnmpHost
from agent.transport.snmp import open_snmp

VARIABLES = 20
TIMEOUT_S = 5.0


async def measure(host: SnmpHost, engine: str, root: Oid, count: int) -> tuple[float, float, int]:
    """Give the CPU seconds of ``count`` GETs, those of as many walks per row, and the rows."""
    client = open_snmp(host, engine)
    rows = await client.walk(root, timeout_s=TIMEOUT_S)
    oids = list(rows)[:VARIABLES]
    for _ in range(5):  # past the growing batches
        await client.get(oids, timeout_s=TIMEOUT_S)
    begin_s = time.process_time()
    for _ in range(count):
        await client.get(oids, timeout_s=TIMEOUT_S)
    gets_s = time.process_time() - begin_s
    walks = max(1, count // max(1, len(rows)))
    begin_s = time.process_time()
    for _ in range(walks):
        await client.walk(root, timeout_s=TIMEOUT_S)
    walks_s = (time.process_time() - begin_s) / (walks * len(rows))
    await client.close()
    return gets_s, walks_s, len(oids)


async def main(arguments: list[str]) -> None:
    """Measure both engines and write a line for each and the ratio."""
    address, port, community, root, *rest = arguments
    host = SnmpHost(address, Community(Secret(community)), int(port))
    count = int(rest[0]) if rest else 1000
    oid = tuple(map(int, root.strip(".").split(".")))
    results = {engine: await measure(host, engine, oid, count) for engine in ("pysnmp", "gufo")}
    for engine, (gets_s, row_s, variables) in results.items():
        sys.stdout.write(
            f"{engine}: {1000 * gets_s / count:.3f} CPU s per 1000 GETs of {variables}, "
            f"{1e6 * row_s:.1f} us per walked row\n"
        )
    slow, fast = results["pysnmp"], results["gufo"]
    sys.stdout.write(f"ratio: GET {slow[0] / fast[0]:.1f}, walk {slow[1] / fast[1]:.1f}\n")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
