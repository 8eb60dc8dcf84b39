import importlib.util
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_picture_of_the_rooms_shows_the_imports_of_today():
    spec = importlib.util.spec_from_file_location("make_rooms_image", ROOT / "docs" / "make_rooms_image.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    picture = script.IMAGE.read_text(encoding="utf-8")
    assert picture == script.draw(), "run python docs/make_rooms_image.py"
    assert picture.count("<rect") == 2 + len(script.imports())  # the background, the bar, and each room
