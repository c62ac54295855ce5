"""An alert's link leads to its runbook, served by the agent itself."""

import pytest

from tests.contract.http.conftest import Serve

HTML = {"Accept": "text/html,*/*"}


@pytest.mark.parametrize("name", ["BbuCellWeak", "BbuCellWeak.md"])
async def test_a_runbook_is_a_page_for_people_and_a_text_for_programs(
    serve: Serve, name: str
) -> None:
    served = await serve([], [])
    async with served.get(f"/docs/runbooks/{name}", headers=HTML) as answer:
        page = await answer.text()
        assert (answer.status, answer.content_type) == (200, "text/html")
    assert "<h1>BbuCellWeak</h1>" in page
    assert '<a href="BbuRideThroughShort.md">' in page
    assert 'href="../../assets/style.css' in page
    async with served.get(f"/docs/runbooks/{name}") as answer:
        assert answer.content_type == "text/markdown"
        assert (await answer.text()).startswith("# BbuCellWeak\n")


async def test_the_list_leads_to_each_and_no_path_leads_out(serve: Serve) -> None:
    served = await serve([], [])
    async with served.get("/docs/runbooks/", headers=HTML) as answer:
        assert '<a href="BbuCellWeak.md">BbuCellWeak</a>' in await answer.text()
    for path in ("Gone", "..%2f..%2fpyproject.toml", "%2e%2e/metrics.md"):
        async with served.get(f"/docs/runbooks/{path}") as answer:
            assert answer.status == 404
