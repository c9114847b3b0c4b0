"""What the model is given by each client."""

from __future__ import annotations

import pytest

from tests.real_clients.run import CLIENTS

pytestmark = [pytest.mark.julia, pytest.mark.timeout(400)]


@pytest.mark.parametrize("name", CLIENTS)
def test_x(name: str, conversations, julia_program) -> None:
    c = conversations[name]
    for step in c.steps:
        print("##", step.title, "" if step.offered else "(not offered)")
        print(step.call)
        print("--", step.given.is_error, step.given.images)
        print(step.given.text[:3000])
    print(c.outside, c.facts, {k: len(v) for k, v in c.tools.items()}, len(c.told))
