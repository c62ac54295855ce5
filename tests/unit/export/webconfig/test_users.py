import asyncio
import base64
import threading

import pytest

from agent.export.webconfig.users import Busy, Users
from agent.targets import Secret

# bcrypt.hashpw(b"right", bcrypt.gensalt(4))
HASH = "$2b$04$xlr6TuWGHiuERs5639UcMOuiJoxBELdihrQeQeUrTeIhagC6H.z3u"


def header(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


class Checker:
    """Counts what bcrypt is asked, on which thread, and holds it up where wanted."""

    def __init__(self) -> None:
        self.asked: list[tuple[bytes, bytes]] = []
        self.threads: set[str] = set()
        self.go = threading.Event()
        self.go.set()

    def __call__(self, password: bytes, hashed: bytes) -> bool:
        self.go.wait(10)
        self.asked.append((password, hashed))
        self.threads.add(threading.current_thread().name)
        return password == b"right"


@pytest.fixture
def checker() -> Checker:
    return Checker()


async def test_bcrypt_itself_tells_right_from_wrong() -> None:
    users = Users({"alice": Secret(HASH)})
    assert await users.admits(header("alice", "right"))
    assert not await users.admits(header("alice", "wrong"))
    assert not await users.admits(header("mallory", "right"))
    assert not await users.admits(header("alice", "nul\0"))
    assert not await users.admits(header("alice", "x" * 500))


@pytest.mark.parametrize(
    "value",
    [None, "", "Basic", "Basic ###", "Bearer eA==", "Basic " + base64.b64encode(b"no").decode()],
)
async def test_no_login_is_no_user_and_costs_nothing(value: str | None, checker: Checker) -> None:
    assert not await Users({"alice": Secret(HASH)}, checker).admits(value)
    assert checker.asked == []


async def test_without_users_everybody_is_let_in(checker: Checker) -> None:
    assert await Users({}, checker).admits(None)


async def test_a_verdict_is_found_once_and_off_the_loop(checker: Checker) -> None:
    users = Users({"alice": Secret(HASH)}, checker)
    together = [users.admits(header("alice", "right")) for _ in range(5)]
    assert await asyncio.gather(*together) == [True] * 5
    for _ in range(3):
        assert await users.admits(header("alice", "right"))
        assert not await users.admits(header("alice", "wrong"))
    assert [password for password, _ in checker.asked] == [b"right", b"wrong"]
    assert threading.current_thread().name not in checker.threads


async def test_a_user_that_does_not_exist_costs_as_much(checker: Checker) -> None:
    dear = HASH.replace("$04$", "$12$")
    users = Users({"alice": Secret(HASH), "bob": Secret(dear)}, checker)
    assert not await users.admits(header("mallory", "right"))
    ((_, against),) = checker.asked
    assert against.startswith(b"$2b$12$")
    assert len(against) == len(HASH)


async def test_guesses_do_not_push_a_user_out(checker: Checker) -> None:
    users = Users({"alice": Secret(HASH)}, checker)
    assert await users.admits(header("alice", "right"))
    for n in range(300):
        assert not await users.admits(header("alice", f"guess {n}"))
    before = len(checker.asked)
    assert await users.admits(header("alice", "right"))
    assert len(checker.asked) == before


async def test_a_flood_of_guesses_is_turned_away_and_who_is_known_gets_in(
    checker: Checker,
) -> None:
    users = Users({"alice": Secret(HASH)}, checker)
    assert await users.admits(header("alice", "right"))
    checker.go.clear()
    flood = [asyncio.create_task(users.admits(header("m", f"{n}"))) for n in range(40)]
    await asyncio.sleep(0)
    assert await users.admits(header("alice", "right"))
    checker.go.set()
    ended = await asyncio.gather(*flood, return_exceptions=True)
    assert sum(isinstance(each, Busy) for each in ended) == 40 - 16
    assert [each for each in ended if not isinstance(each, Busy)] == [False] * 16


async def test_who_goes_away_does_not_take_the_verdict_from_others(checker: Checker) -> None:
    users = Users({"alice": Secret(HASH)}, checker)
    checker.go.clear()
    first, second = (asyncio.create_task(users.admits(header("alice", "right"))) for _ in "ab")
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.sleep(0)
    checker.go.set()
    assert await second
