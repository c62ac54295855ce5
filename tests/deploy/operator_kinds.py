"""What the Prometheus operator's kinds may hold, as far as our manifests use them.

Names and forms are those that its resource definitions of ``monitoring.coreos.com/v1`` state
(release 0.82 and later). A field that is not here is to be looked up there before it is used:
the API server drops an unknown one without a word.
"""

import re
from collections.abc import Iterator
from typing import Any

Shape = str | list[Any] | dict[str, Any]
"""A regular expression for a text, a list of one shape, or fields; ``!`` must be there."""

ANY = r"(?s).*"
DURATION = r"0|(\d+y)?(\d+w)?(\d+d)?(\d+h)?(\d+m)?(\d+s)?(\d+ms)?"
_TEXTS = {"*": ANY}
_HEAD = {
    "apiVersion!": r"monitoring\.coreos\.com/v1",
    "kind!": r"PodMonitor|PrometheusRule",
    "metadata!": {"name!": r"[a-z0-9.-]+", "namespace": ANY, "labels": _TEXTS},
}
_RULE = {
    "alert": ANY,
    "record": ANY,
    "expr!": ANY,
    "for": DURATION,
    "keep_firing_for": rf"(?!$)({DURATION})",
    "labels": _TEXTS,
    "annotations": _TEXTS,
}
_RELABELING = {
    "action": r"(?i)replace|(keep|drop)(equal)?|hashmod|label(map|drop|keep)|(low|upp)ercase",
    "regex": ANY,
    "replacement": ANY,
    "separator": ANY,
    "sourceLabels": [ANY],
    "targetLabel": ANY,
}
_ENDPOINT = {"port": ANY, "path": ANY, "interval": DURATION, "relabelings": [_RELABELING]}
KINDS: dict[str, Shape] = {
    "PrometheusRule": {
        **_HEAD,
        "spec!": {"groups": [{"name!": ".+", "interval": DURATION, "rules": [_RULE]}]},
    },
    "PodMonitor": {
        **_HEAD,
        "spec!": {"selector!": {"matchLabels": _TEXTS}, "podMetricsEndpoints": [_ENDPOINT]},
    },
}


def misfits(value: object, shape: Shape, at: str = "") -> Iterator[str]:
    """Give each place in ``value`` that ``shape`` does not allow, and each that lacks."""
    if isinstance(shape, str):
        if not isinstance(value, str) or re.fullmatch(shape, value) is None:
            yield f"{at}: {value!r}"
    elif isinstance(shape, list):
        if not isinstance(value, list):
            yield f"{at}: no list"
            return
        for n, one in enumerate(value):
            yield from misfits(one, shape[0], f"{at}[{n}]")
    elif not isinstance(value, dict):
        yield f"{at}: no fields"
    else:
        fields = {name.rstrip("!"): inside for name, inside in shape.items()}
        needed = {name.rstrip("!") for name in shape if name.endswith("!")}
        yield from (f"{at}.{name}: missing" for name in sorted(needed - value.keys()))
        for name, one in value.items():
            inside = fields.get(name, fields.get("*"))
            if inside is None:
                yield f"{at}.{name}: unknown"
            else:
                yield from misfits(one, inside, f"{at}.{name}")
