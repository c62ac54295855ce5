"""As much of kustomize as our manifests use, for machines without kubectl."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

Manifest = dict[str, Any]
KNOWN = {
    *("apiVersion", "kind", "namespace", "labels", "resources", "configMapGenerator", "images"),
    "generatorOptions",
}


def manifests(folder: Path) -> Iterator[Manifest]:
    """Give what ``kubectl kustomize FOLDER`` gives, without the hashes in names of ConfigMaps."""
    content: Manifest = yaml.safe_load((folder / "kustomization.yaml").read_text("utf-8"))
    assert set(content) <= KNOWN, f"{folder}: {set(content) - KNOWN} is not understood here"
    for made in _gathered(folder, content):
        if "namespace" in content and made["kind"] != "Namespace":
            made["metadata"]["namespace"] = content["namespace"]
        for labels in content.get("labels", []):
            made["metadata"].setdefault("labels", {}).update(labels["pairs"])
        for image in content.get("images", []):
            _rename(made, image)
        yield made


def _gathered(folder: Path, content: Manifest) -> Iterator[Manifest]:
    for name in content.get("resources", []):
        path = folder / name
        if path.is_dir():
            yield from manifests(path)
        else:
            yield from yaml.safe_load_all(path.read_text("utf-8"))
    options = content.get("generatorOptions", {})
    for entry in content.get("configMapGenerator", []):
        files = [folder / name for name in entry["files"]]
        kept = {key: dict(options[key]) for key in ("labels", "annotations") if key in options}
        yield {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": entry["name"], **kept},
            "data": {path.name: path.read_text("utf-8") for path in files},
        }


def _rename(made: Manifest, image: Manifest) -> None:
    pod = made.get("spec", {}).get("template", {}).get("spec", {})
    for container in pod.get("containers", []):
        if container["image"] == image["name"]:
            container["image"] = f"{image['newName']}:{image['newTag']}"
