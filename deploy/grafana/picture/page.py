"""A whole dashboard as one page of HTML."""

from collections.abc import Mapping, Sequence
from html import escape

from deploy.grafana.asking import Asker, Json, Series, questions
from deploy.grafana.picture import boxes, charts

_WIDTH, _COLUMN, _UNIT, _GAP, _HEAD = 1680.0, 70.0, 38.0, 8.0, 104.0
_TITLE = 30.0
_NOTE = "Drawn by deploy/grafana/preview.py from the dashboard's JSON; not Grafana's rendering."
_STYLE = """
body{margin:0;background:#111217;color:#ccccdc;font:13px/1.35 sans-serif;width:%(width)dpx;
position:relative;height:%(height)dpx}
h1{font-size:20px;margin:0;position:absolute;left:12px;top:10px}
.note{position:absolute;right:12px;top:14px;color:#9a9ba8}
.vars{position:absolute;left:12px;top:46px;color:#9a9ba8}
.vars b{color:#ccccdc;background:#22252b;border:1px solid #2c3235;padding:2px 8px;
margin:0 14px 0 6px;font-weight:normal}
.row{position:absolute;font-weight:600;font-size:15px}
.panel{position:absolute;background:#181b1f;border:1px solid #2c3235;border-radius:2px;
box-sizing:border-box;overflow:hidden}
.panel h2{font-size:13px;margin:0;padding:6px 9px;height:18px;white-space:nowrap}
.tiles{display:flex;height:calc(100%% - 30px)}
.tile{flex:1;display:flex;flex-direction:column;align-items:center;justify-content:center}
.tile b{font-size:30px}
table{border-collapse:collapse;width:100%%;font-size:12.5px}
th{text-align:left;color:#8ab8ff;font-weight:600;padding:3px 9px;white-space:nowrap}
td{padding:3px 9px;border-top:1px solid #24272c;white-space:nowrap}
td.link{color:#6e9fff}
.bars td{border:0;padding:5px 9px}.bars .name{width:1%%}.bars .bar{width:80%%;background:#22252b}
.bars .bar div{height:18px}
.legend{padding:0 10px;white-space:nowrap;overflow:hidden;font-size:11.5px}
.legend span{margin-right:14px}
.legend i{display:inline-block;width:12px;height:3px;margin-right:5px;vertical-align:middle}
.empty{display:flex;align-items:center;justify-content:center;height:calc(100%% - 50px);
font-size:15px}
"""


async def answers(panel: Json, asker: Asker, words: Mapping[str, str]) -> dict[str, list[Series]]:
    """Ask all that a panel asks, by the letter of the query."""
    return {
        question.ref: [one for one in await asker.ask(question, words) if one.points]
        for question in questions(panel)
    }


def _inside(
    panel: Json, found: Mapping[str, Sequence[Series]], asker: Asker, width: float, height: float
) -> str:
    if not any(found.values()):
        return boxes.empty(panel)
    span, kind = asker.span, panel["type"]
    small = {"stat": boxes.tile, "bargauge": boxes.bars, "table": boxes.table}
    if kind in small:
        return small[kind](panel, found, span.end_s)
    large = {
        "timeseries": charts.chart,
        "state-timeline": charts.timeline,
        "status-history": charts.heatmap,
    }
    return large[kind](panel, found, span, width - 4, height - _TITLE - 4)


async def page(board: Json, asker: Asker, words: Mapping[str, str]) -> str:
    """Give the page of a dashboard for one choice of variables."""
    bottom = max(one["gridPos"]["y"] + one["gridPos"]["h"] for one in board["panels"])
    parts = []
    for panel in board["panels"]:
        at = panel["gridPos"]
        left, top = at["x"] * _COLUMN, _HEAD + at["y"] * _UNIT - _UNIT / 2
        if panel["type"] == "row":
            title = escape(panel["title"])
            parts.append(f'<div class="row" style="left:12px;top:{top + 8}px">{title}</div>')
            continue
        width, height = at["w"] * _COLUMN - _GAP, at["h"] * _UNIT - _GAP
        found = await answers(panel, asker, words)
        inside = _inside(panel, found, asker, width, height)
        parts.append(
            f'<div class="panel" style="left:{left + 4}px;top:{top}px;width:{width}px;'
            f'height:{height}px"><h2>{escape(panel["title"])}</h2>{inside}</div>'
        )
    style = _STYLE % {"width": _WIDTH, "height": _HEAD + bottom * _UNIT}
    chosen = "".join(
        f"{escape(variable.get('label') or variable['name'])}"
        f"<b>{escape(_choice(words[variable['name']]))}</b>"
        for variable in board["templating"]["list"]
        if variable["type"] == "query"
    )
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><style>{style}</style>'
        f"<body><h1>{escape(board['title'])}</h1><div class='note'>{escape(_NOTE)}</div>"
        f"<div class='vars'>{chosen}</div>{''.join(parts)}</body></html>"
    )


def _choice(value: str) -> str:
    return "All" if value in (".*", ".+") else value.strip("()").replace("|", " + ")
