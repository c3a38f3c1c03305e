"""The versions of a model in its folder."""

from pathlib import Path

from engine.versions import MANIFEST, published_versions, version_numbers


def test_a_version_that_is_a_link_is_none(tmp_path: Path) -> None:
    model, elsewhere = tmp_path / "model", tmp_path / "elsewhere"
    for folder in (model / "1", model / "10", elsewhere):
        folder.mkdir(parents=True)
        (folder / MANIFEST).write_text("{}")
    (model / "2").symlink_to(elsewhere)
    for name in ("03", "٢", "4a"):
        (model / name).mkdir()
    assert version_numbers(model) == (1, 10)
    assert published_versions(model) == (1, 10)
