"""The fixtures that pytest finds through the entry point ``cws_build`` of its group ``pytest11``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cws_build.sandbox.control import Sandbox
    from cws_build.testing.account import FakeAccount
    from cws_build.testing.question import FakeQuestion


@pytest.fixture
def cws_account() -> FakeAccount:
    """Return an empty account that keeps state."""
    from cws_build.testing.account import FakeAccount

    return FakeAccount()


@pytest.fixture
def cws_question(cws_account: FakeAccount) -> Callable[..., FakeQuestion]:
    """Return a function that makes questions about a template, asked in `cws_account`."""
    from cws_build.testing.make import question

    def make(template: str = "python-ml", **fields: Any) -> FakeQuestion:  # noqa: ANN401  as `question` has them
        return question(template, **{"account": cws_account, **fields})

    return make


@pytest.fixture
def cws_sandbox(tmp_path: Any) -> Iterator[Sandbox]:  # noqa: ANN401  pytest's own Path
    """Run a sandbox of the test's own, without machines: EC2's API answers, and instances boot nothing.

    A test that asks for it is skipped where the extra ``sandbox`` is not installed.
    """
    from cws_build.errors import ToolMissing
    from cws_build.testing.make import sandbox

    pytest.importorskip("moto", reason="pip install 'cws-build[sandbox]'")
    try:
        with sandbox(tmp_path / "sandbox", tmp_path / "cache") as box:
            yield box
    except ToolMissing as error:
        pytest.skip(error.message)
