"""The last step of a build: tags that say what the image is. An image without them is nobody's result."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import msgspec

from cws_build.errors import CloudError
from cws_build.model.events import StepFinished
from cws_build.model.image import BAKED_TAG, DIGEST_TAG, RUN_TAG, Ami, ImageQuery
from cws_build.model.image_tags import RESIDUE_TAG, content_tags, finished_description, image_description

if TYPE_CHECKING:
    from cws_build.actions.build_image import Build
    from cws_build.context import Context
    from cws_build.ports import Cloud


class Published(msgspec.Struct, frozen=True):
    """An image that Packer made."""

    ami_id: str
    layers: int
    """How many of the recipe's layers it holds."""
    residue: str = ""
    """The layer that failed on it."""


def publish_image(ctx: Context, build: Build, cloud: Cloud, image: Published, tools: str) -> Ami:
    """Tag an image and its snapshots as what they are, and close the old metadata protocol on it.

    The digest goes on last of all: whoever finds it may rely on everything else.

    Raises:
        CloudError: The account refused or failed.
    """
    began = time.monotonic()
    ami = _described(cloud, image.ami_id)
    content = content_tags(build.plan.recipe, image.layers)
    description = image_description(build.plan.recipe)
    if not image.residue:
        description = finished_description(description, content[DIGEST_TAG])
    tags = _origin_tags(ctx, build, tools) | content
    if image.residue:
        tags[RESIDUE_TAG] = image.residue[:256]
    with ThreadPoolExecutor(3) as pool:
        calls = [
            *([pool.submit(cloud.demand_imdsv2, ami.id)] if ami.imds != "v2.0" else []),
            *([pool.submit(cloud.describe, ami.id, description)] if ami.description != description else []),
            *([pool.submit(cloud.tag, ami.snapshots, tags)] if ami.snapshots else []),
        ]
        for call in calls:
            call.result()
    cloud.tag([ami.id], tags)
    ctx.lookup(cloud.region).forget()
    build.run.gone(("image", ami.id), *(("snapshot", snapshot) for snapshot in ami.snapshots))
    title = "published the image" if not image.residue else "kept the finished layers as a partial image"
    seconds = time.monotonic() - began
    ctx.emit(
        StepFinished(
            run=build.run.info.id, subject=build.run.info.subject, title=title, outcome=ami.id, seconds=seconds
        )
    )
    return msgspec.structs.replace(ami, tags=ami.tags | tags, description=description)


def _described(cloud: Cloud, ident: str) -> Ami:
    found = cloud.images(ImageQuery(ids=(ident,), states=()))
    if not found:
        raise CloudError(f"{ident} was made and is gone again", hint="was it deregistered by somebody's clean-up?")
    return found[0]


def _origin_tags(ctx: Context, build: Build, tools: str) -> dict[str, str]:
    start = build.plan.start
    origin = {"cws:started-from": start.ami.id} if start else {}
    if start:
        origin["cws:base-ami"] = start.ami.id if start.kind == "base" else start.ami.tags.get("cws:base-ami", "")
    return {
        RUN_TAG: build.run.info.id,
        BAKED_TAG: ctx.clock().isoformat(timespec="seconds"),
        "cws:tools": tools,
        **origin,
    }
