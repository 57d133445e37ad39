"""How questions and sandboxes of a test are made; the fixtures are a thin layer over this."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import msgspec

from cws_build.actions.compile import compile_template
from cws_build.library import Library
from cws_build.model.template_ami import AmiConfig
from cws_build.testing.account import FakeAccount
from cws_build.testing.question import FakeQuestion

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from cws_build.sandbox.control import Sandbox


def question(
    template: str = "python-ml",
    *,
    architecture: str = "x86_64",
    account: FakeAccount | None = None,
    ami_config: Mapping[str, Any] | None = None,
    **fields: Any,  # noqa: ANN401  fields of FakeQuestion
) -> FakeQuestion:
    """Return a question about a template.

    Args:
        template: A built-in template's name or slug, or the path of a file.
        architecture: ``x86_64`` or ``arm64``.
        account: Where it is asked; a new, empty one where none is given.
        ami_config: Stands in for the template's own, in the words of the template format.
        **fields: Fields of `FakeQuestion`, such as ``region`` or ``strategy``.

    Raises:
        InputError: There is no such template, or there are mistakes in it.
        msgspec.ValidationError: ``ami_config`` is not as the format has it.
    """
    compiled = compile_template(Library(), template, {}, architecture=architecture)
    effective = compiled.template
    if ami_config is not None:
        config = msgspec.convert(dict(ami_config), AmiConfig)
        effective = msgspec.structs.replace(effective, ami_config=config)
    return FakeQuestion(template=effective, recipe=compiled.recipe, cloud=account or FakeAccount(), **fields)


@contextmanager
def sandbox(state: Path, cache: Path) -> Iterator[Sandbox]:
    """Run a sandbox of its own without machines, and leave nothing of it.

    Raises:
        ToolMissing: The extra ``sandbox`` is not installed.
        ToolError: It did not start.
    """
    from cws_build.sandbox.control import Sandbox

    box = Sandbox(state, cache, machines=False)
    box.up(lambda _event: None)
    try:
        yield box
    finally:
        box.reset(lambda _event: None)
