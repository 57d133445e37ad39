"""The base image of a recipe: the distribution's newest in a region, or the image that the template names itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from cws_build.errors import NoAmiError
from cws_build.model.image import Ami, ImageQuery, newest

if TYPE_CHECKING:
    from cws_build.actions.compile import Compiled
    from cws_build.model.template_ami import AmiConfig


class Asked(Protocol):
    """Whoever can be asked for images and parameters: a `Cloud`, or a `Lookup`."""

    region: str

    def images(self, query: ImageQuery) -> list[Ami]:
        """Return all images that answer a query."""
        ...

    def parameter(self, name: str) -> str | None:
        """Return the value of an SSM parameter, None where there is none."""
        ...


def base_image(there: Asked, compiled: Compiled) -> Ami:
    """Return the image that the recipe's empty prefix stands for.

    Raises:
        NoAmiError: There is none in this region.
        CloudError: The account cannot be asked.
    """
    base, arch = compiled.base, compiled.recipe.architecture
    if base.family == "ami":
        return _mapped_image(there, compiled)
    found = _by_parameter(there, base.ssm_parameter.get(arch, "")) or _by_name(there, compiled)
    if not found:
        raise NoAmiError(
            f"no image of the base {base.name} for {arch} in {there.region}",
            hint=f"its publisher is account {base.owner}; try another --region or --arch",
        )
    return newest(found)[0]


def _by_parameter(there: Asked, name: str) -> list[Ami]:
    """Return the image that the publisher's parameter names; asks anew when what was remembered is gone."""
    ident = there.parameter(name) if name else None
    found = there.images(ImageQuery(ids=(ident,))) if ident else []
    if found or not ident:
        return found
    renewed = there.parameter(name)
    return there.images(ImageQuery(ids=(renewed,))) if renewed and renewed != ident else []


def _by_name(there: Asked, compiled: Compiled) -> list[Ami]:
    base, arch = compiled.base, compiled.recipe.architecture
    pattern = base.name_pattern.get(arch, "")
    query = ImageQuery(owners=(base.owner,), names=(pattern,), architecture=arch)
    return there.images(query) if pattern else []


def mapped_amis(config: AmiConfig | None, architecture: str) -> dict[str, str]:
    """Return the images that a template names itself, by region; one for the architecture counts first."""
    if config is None:
        return {}
    by_arch = {region: {str(arch): ami for arch, ami in amis.items()} for region, amis in config.amis.items()}
    fit = {region: amis[architecture] for region, amis in by_arch.items() if architecture in amis}
    return dict(config.ami_mappings) | fit


def _mapped_image(there: Asked, compiled: Compiled) -> Ami:
    """Return the image that the template names for this region."""
    arch, region = compiled.recipe.architecture, there.region
    named = mapped_amis(compiled.template.ami_config, arch).get(region)
    if not named:
        raise NoAmiError(
            f"{compiled.recipe.template} starts from an image of its own and names none for {arch} in {region}",
            hint="add it under ami_config.ami_mappings, or choose one of its regions with --region",
        )
    found = there.images(ImageQuery(ids=(named,)))
    if not found:
        raise NoAmiError(f"{named}, which {compiled.recipe.template} names for {region}, is not available there")
    return found[0]
