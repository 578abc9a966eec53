"""The gallery inside the studio: what is drawn is kept, and drawn again to the bit; errors have one shape."""

import httpx
import pytest

import limner
from limner.studio.gallery.gallery import Gallery
from studio_live import live


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    gallery = Gallery(tmp_path_factory.mktemp("gallery") / "gallery.sqlite")
    with live([limner.load("avatars")], gallery=gallery) as address:
        yield address
    gallery.close()


def test_what_is_kept_is_drawn_again_to_the_bit(url):
    with httpx.Client(base_url=url, timeout=300) as http:
        parents = [{"prompt": "a bald man", "seed": 1}, {"prompt": "a woman with a blue hat and long hair", "seed": 2}]
        ask = {"first": parents[0], "second": parents[1], "rows": 3, "columns": 3, "response_format": "b64_json"}
        data = http.post("/v1/images/mix", json=ask).json()["data"]
        for one in (data[0], data[4]):
            added = http.post("/v1/gallery/pictures", json={"png": one["b64_json"], "keep": True})
            assert added.status_code == 201, added.text
            again = http.post(f"/v1/gallery/pictures/{added.json()['id']}/again")
            assert again.status_code == 200 and again.headers["Limner-Difference"] == "0"
        assert http.get("/v1/gallery/pictures").json()["total"] == 2


def test_errors_of_the_gallery_have_the_same_shape(url):
    missing = httpx.get(f"{url}/v1/gallery/pictures/{'0' * 64}")
    assert missing.status_code == 404 and set(missing.json()["error"]) == {"message", "type", "param", "code"}
    wrong = httpx.post(f"{url}/v1/gallery/pictures", json={"png": "no picture"})
    assert wrong.status_code == 400 and wrong.json()["error"]["message"]
