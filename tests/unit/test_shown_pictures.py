"""What counts as showing what a change looks like."""

from __future__ import annotations

import pytest

from integrations.github.shown_pictures import pictures_in

ASSET = "https://github.com/user-attachments/assets/0f1e2d3c-aaaa-bbbb-cccc-0123456789ab"


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("![after](shots/after.png)", 1),
        ("![after](https://example.com/after.png 'The list')", 1),
        (f"![before]({ASSET}) and ![after]({ASSET}2)", 2),
        (f"See {ASSET}", 1),
        (f"{ASSET}\n\n{ASSET}", 1),
        ("https://user-images.githubusercontent.com/1/2-a.png", 1),
        ("https://github.com/acme/shop/assets/12/ab-cd", 1),
        ('<img width="300" src="https://example.com/a.png">', 1),
        ("<video src='https://example.com/a.mp4'></video>", 1),
        ('<picture><source srcset="dark.png"></picture>', 1),
        ("![after][shot]\n\n[shot]: https://example.com/a.png", 1),
        ("![shot]\n\n[Shot]: https://example.com/a.png", 1),
        # these show nothing
        ("", 0),
        ("It looks good, see the [page](https://example.com/a.png).", 0),
        ("<!-- ![paste a screenshot here](before.png) -->", 0),
        ("<!-- never closed ![x](x.png)", 0),
        ("```\n![after](after.png)\n```", 0),
        ("~~~md\n![after](after.png)\n~~~", 0),
        ("`![after](after.png)`", 0),
        ("![build](https://img.shields.io/badge/build-passing-green)", 0),
        ("![CI](https://github.com/acme/shop/workflows/ci/badge.svg)", 0),
        ("![diagram](docs/flow.svg)", 0),
        ("![x](data:image/png;base64,AAAA)", 0),
        ("![after][missing]", 0),
    ],
)
def test_pictures_in_a_text(text: str, count: int) -> None:
    assert len(pictures_in(text)) == count
