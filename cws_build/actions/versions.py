"""Which versions of a template there are, where, and which channels name them."""

from __future__ import annotations

import functools
from collections import defaultdict
from typing import TYPE_CHECKING

import msgspec

from cws_build.actions.together import together
from cws_build.bounded import TookTooLong
from cws_build.catalog import Catalog
from cws_build.errors import CwsError, InputError
from cws_build.model.channels import parameter_name
from cws_build.model.image import TEMPLATE_TAG, ImageQuery
from cws_build.model.releases import Release, releases_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from cws_build.context import Context
    from cws_build.model.image import Ami

_SECONDS = 60.0
"""How long a region may take to answer."""
_STATES = ("available", "disabled")


class VersionsRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Whose versions, and where to look; the region that is worked in unless others are named."""

    template: str
    regions: tuple[str, ...] = ()
    architecture: str = ""


class Versions(msgspec.Struct, frozen=True, kw_only=True):
    """What was found, region by region."""

    template: str
    regions: dict[str, tuple[Release, ...]]
    errors: dict[str, str]
    """Region -> why it could not be asked."""


def versions(ctx: Context, request: VersionsRequest) -> Versions:
    """List a template's versions in some regions, all asked at once.

    Raises:
        InputError: No template has this name, and no image is of one.
        CloudError: The only region that was asked has refused.
    """
    regions = request.regions or (ctx.account().region,)
    template = template_slug(ctx, request.template)
    calls = {region: functools.partial(releases, ctx, template, region) for region in regions}
    answers = in_regions(ctx, calls)
    errors = {region: said(answer) for region, answer in answers.items() if isinstance(answer, Exception)}
    if len(errors) == len(answers) == 1:
        raise next(answer for answer in answers.values() if isinstance(answer, Exception))
    found = {region: answer for region, answer in answers.items() if not isinstance(answer, Exception)}
    if not any(found.values()) and not errors:
        Catalog.load(ctx.library.parts("templates")).find(request.template)  # raises for a name that is nobody's
    wanted = request.architecture
    return Versions(
        template=template,
        regions={
            region: tuple(one for one in list_ if wanted in {"", one.architecture}) for region, list_ in found.items()
        },
        errors=errors,
    )


def releases(ctx: Context, template: str, region: str) -> list[Release]:
    """Return the finished images of a template in a region, disabled ones included, the newest version first.

    Raises:
        CloudError: The account cannot be asked.
    """
    images = images_of(ctx, template, region)
    return releases_of(images, _channels(ctx, template, region, images))


def images_of(ctx: Context, template: str, region: str) -> list[Ami]:
    """Return the images of a template in a region, finished or not, disabled ones included; raises CloudError."""
    query = ImageQuery(owners=("self",), tags={TEMPLATE_TAG: (template,)}, states=_STATES)
    return ctx.account().cloud(region).images(query)


def template_slug(ctx: Context, name: str) -> str:
    """Return the name under which a template's images are tagged; a name that no template has stays as it is.

    Images outlive their template, and still want to be retired.
    """
    catalog = Catalog.load(ctx.library.parts("templates"))
    try:
        return catalog.find(name).template.short_name
    except InputError:
        return name


def in_regions(ctx: Context, calls: Mapping[str, Callable[[], list[Release]]]) -> dict[str, list[Release] | Exception]:
    """Ask regions at once; one alone is asked without a thread."""
    return together(calls, _SECONDS, ctx.cancel)


def said(error: Exception) -> str:
    """Return why a region could not be asked, in one sentence."""
    if isinstance(error, TookTooLong):
        return f"it did not answer within {_SECONDS:.0f} s"
    return error.message if isinstance(error, CwsError) else repr(error)


def _channels(ctx: Context, template: str, region: str, images: Sequence[Ami]) -> dict[str, set[str]]:
    """Return the labels of the parameters that name a template's images, by image."""
    found: dict[str, set[str]] = defaultdict(set)
    for architecture in sorted({ami.architecture for ami in images}):
        name = parameter_name(ctx.settings.channels.prefix, template, architecture)
        for version in ctx.account().parameters(region).history(name):
            found[version.value] |= set(version.labels)
    return found
