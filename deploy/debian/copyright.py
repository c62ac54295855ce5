#!/usr/bin/env python3
"""Print the package's copyright file: ours, then each bundled distribution's own words.

usage: copyright.py TEMPLATE SITE_PACKAGES
"""

import re
import sys
from importlib.metadata import Distribution, distributions
from pathlib import Path

ENVIRONMENT = "usr/lib/bbu-agent/lib/python*/site-packages"


def told(distribution: Distribution, *fields: str) -> str:
    """Give the first of the metadata's ``fields`` that says anything."""
    found = (text for field in fields for text in distribution.metadata.get_all(field) or ())
    return next((text for text in found if text), "")


def licence(distribution: Distribution) -> str:
    """Give what the metadata say: the expression, else the short field, else the classifier."""
    words = told(distribution, "License-Expression", "License")
    if words and "\n" not in words:
        return words
    classifiers = distribution.metadata.get_all("Classifier") or ()
    marks = (item for item in classifiers if item.startswith("License"))
    return next((item.rpartition(":: ")[2] for item in marks), "see its files")


def paragraph(distribution: Distribution) -> str:
    """Give the paragraphs of one distribution and of its licence, named after it."""
    name = distribution.metadata["Name"]
    author = told(distribution, "Author", "Author-email") or f"the authors of {name}"
    folder = re.sub(r"[-_.]+", "_", name)
    texts = sorted(
        f"/{ENVIRONMENT}/{file}"
        for file in distribution.files or ()
        if re.search(r"dist-info/.*(LICEN|COPYING|NOTICE)", str(file), re.IGNORECASE)
    )
    where = "".join(f"\n  {text}" for text in texts) or "\n  (its metadata)"
    label = f"{folder}-license"
    return (
        f"Files: {ENVIRONMENT}/{folder}*\nCopyright: {author}\nLicense: {label}\n\n"
        f"License: {label}\n {licence(distribution)}; version {distribution.version}."
        f" Texts:{where}\n"
    )


if __name__ == "__main__":
    template, site = sys.argv[1:]
    found = sorted(distributions(path=[site]), key=lambda item: item.metadata["Name"].lower())
    others = [paragraph(item) for item in found if item.metadata["Name"] != "bbu-agent"]
    sys.stdout.write("\n".join([Path(template).read_text(encoding="utf-8"), *others]))
