"""One Packer build, from its key pair to the tags that say the image is good."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import msgspec

from cws_build import __version__
from cws_build.actions.base_image import mapped_amis
from cws_build.actions.builder_access import Access, builder_access
from cws_build.actions.compile import Compiled
from cws_build.actions.publish_image import Published, publish_image
from cws_build.actions.report_failure import keep_machine, raise_failure
from cws_build.actions.run_resources import remove_all
from cws_build.actions.watch_build import Watch
from cws_build.model.baking import BakePlan, BakeResult, LayerTime, started_from
from cws_build.model.events import StepFinished
from cws_build.model.image import RUN_TAG, TEMPLATE_TAG, Ami, Resource
from cws_build.model.image_tags import RESIDUE_TAG, content_tags, image_description, image_name
from cws_build.model.packer_versions import capabilities
from cws_build.model.quoting import go
from cws_build.ports import BuildReport, BuildRequest, Run
from cws_build.render import ImageLabels, Machine, Rendering, Workspace, render

if TYPE_CHECKING:
    from cws_build.context import Context
    from cws_build.model.booting import Boot
    from cws_build.ports import Cloud


class Build(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that one build is about."""

    compiled: Compiled
    plan: BakePlan
    run: Run
    keep: bool
    """Leave the machine running if a layer fails."""
    checkpoint: bool
    """Make an image of the finished layers if a later one fails."""


def build_image(ctx: Context, build: Build) -> BakeResult:
    """Run Packer, try what it made, publish it, and remove what only the run needed.

    Raises:
        BakeFailed: A layer failed, or Packer did, or the image does not come up.
        CloudError: The account refused or failed.
        ToolMissing: Packer or Ansible is not there.
        Interrupted: ``ctx.cancel`` was set.
    """
    began = time.monotonic()
    cloud, ansible = ctx.account().cloud(build.plan.region), ctx.ansible_version()
    ctx.packer().executable  # noqa: B018  raises ToolMissing, which should come before anything is made
    with ThreadPoolExecutor(1) as pool:
        # Packer takes a while to tell its version, which the workspace depends on; EC2 makes our access meanwhile.
        preparing = pool.submit(_prepare, ctx, build)
        with builder_access(ctx, build, cloud) as access:
            workspace, version = _announced(ctx, build, *preparing.result()), ctx.packer().version()
            watch = Watch(ctx.emit, build.run, cloud, demand_imdsv2=not capabilities(version).metadata_options)
            report = ctx.packer().build(_request(ctx, build, access, workspace), watch, ctx.cancel)
            made = _image_of(report, build.plan.region)
            boot = _tried(ctx, build, access, made) if made and not watch.failure else None
            tools = f"cws-build {__version__}, packer {version}, ansible {ansible}"
            ami = publish_image(ctx, build, cloud, _published(build, watch, made), tools) if made else None
            if ami is None or watch.failure:
                if build.keep and not report.outcome.interrupted:
                    keep_machine(ctx, build, cloud, access, watch)
                raise_failure(build, report, watch, made)
            _retire_start(ctx, build, cloud)
    result = _result(build, ami, watch, time.monotonic() - began, str(version))
    return msgspec.structs.replace(result, boot=boot)


def _tried(ctx: Context, build: Build, access: Access, made: str) -> Boot | None:
    """Start a machine of the image and see it ready; None where that is switched off."""
    if not ctx.settings.images.boot_test:
        return None
    from cws_build.actions.boot_gate import boot_gate  # half of a launch, of no use to a bake before this

    return boot_gate(ctx, build, access, made)


def rendering_of(ctx: Context, compiled: Compiled, plan: BakePlan | None = None) -> Rendering:
    """Return what a workspace of this recipe is made from; without a plan, for a person to run by hand."""
    recipe, base, arch = compiled.recipe, compiled.base, compiled.recipe.architecture
    start = plan.start if plan else None
    config = compiled.template.ami_config
    pattern = base.name_pattern.get(arch)
    return Rendering(
        recipe=recipe,
        machine=Machine(
            instance_type=ctx.settings.bake.instance_types.get(arch, ""),
            volume_gb=plan.volume_gb if plan else compiled.template.instance_defaults.root_volume_gb or 20,
            root_device=(start.ami.root_device if start else "") or base.root_device or "/dev/sda1",
            ssh_user=base.ssh_user or (config.ssh_user if config else "") or "ec2-user",
            filter={"owner": base.owner, "name": pattern} if pattern else None,
            amis=mapped_amis(config, arch),
        ),
        image=ImageLabels(
            name=image_name(f"cws-{recipe.template}-{arch}-{recipe.digest[:12]}"),
            description=image_description(recipe),
            tags=content_tags(recipe, len(recipe.layers)),
        ),
        capabilities=capabilities(ctx.packer().version()),
    )


def _retire_start(ctx: Context, build: Build, cloud: Cloud) -> None:
    """Remove the partial image that a failed bake had kept for this one: it has served."""
    start = build.plan.start
    if start and RESIDUE_TAG in start.ami.tags:
        parts = [("image", start.ami.id), *(("snapshot", snapshot) for snapshot in start.ami.snapshots)]
        remove_all(ctx, [Resource(kind, ident, cloud.region) for kind, ident in parts], build.run)


def _prepare(ctx: Context, build: Build) -> tuple[Workspace, float]:
    """Render the workspace; return it and the seconds that it took."""
    began = time.monotonic()
    workspace = render(rendering_of(ctx, build.compiled, build.plan), ctx.library, build.run.folder / "workspace")
    return workspace, time.monotonic() - began


def _announced(ctx: Context, build: Build, workspace: Workspace, seconds: float) -> Workspace:
    """Tell of the workspace, from the thread that tells of everything else of this run."""
    info = build.run.info
    ctx.emit(
        StepFinished(
            run=info.id, subject=info.subject, title="rendered", outcome=str(workspace.folder), seconds=seconds
        )
    )
    return workspace


def _request(ctx: Context, build: Build, access: Access, workspace: Workspace) -> BuildRequest:
    folder, info = build.run.folder, build.run.info
    variables = folder / "run.pkrvars.json"
    variables.write_bytes(msgspec.json.format(msgspec.json.encode(_variables(ctx, build, access))))
    build.run.intend("image", info.image_name)
    return BuildRequest(
        folder=workspace.packer,
        variables=variables,
        environment=ctx.account().environment(),
        secrets=build.compiled.secrets,
        on_error="abort" if build.keep else "cleanup",
        run=info.id,
        subject=info.subject,
        region=build.plan.region,
        log=folder / "packer.log",
        events=folder / "tasks.jsonl",
    )


def _variables(ctx: Context, build: Build, access: Access) -> dict[str, object]:
    settings, plan, start, info = ctx.settings.bake, build.plan, build.plan.start, build.run.info
    image_tags = settings.tags | {RUN_TAG: info.id, TEMPLATE_TAG: plan.recipe.template}
    return {
        "region": plan.region,
        "endpoint": ctx.account().endpoint,
        "poll_seconds": 1 if ctx.sandbox else 5,
        "source_ami": start.ami.id if start else "",
        "first_layer": (start.layers if start else 0) + 1,
        "checkpoint": build.checkpoint and not build.keep,
        "ami_name": info.image_name,
        "image_tags": go(image_tags),
        "run_tags": go(access.tags),
        "instance_type": plan.instance_type,
        "volume_gb": plan.volume_gb,
        "ssh_keypair_name": access.key_name,
        "ssh_private_key_file": access.key_file,
        "ssh_interface": settings.ssh_interface,
        "security_group_id": access.group,
        "subnet_id": settings.subnet_id,
        "iam_instance_profile": settings.iam_instance_profile,
    }


def _image_of(report: BuildReport, region: str) -> str:
    return next((artifact.amis[region] for artifact in report.artifacts if region in artifact.amis), "")


def _published(build: Build, watch: Watch, image: str) -> Published:
    """Tell how many layers an image holds: all, or those before the one that failed."""
    names = [layer.name for layer in build.plan.recipe.layers]
    if watch.failure is None:
        return Published(image, len(names))
    return Published(image, names.index(watch.failure.layer), residue=watch.failure.layer)


def _result(build: Build, ami: Ami, watch: Watch, seconds: float, packer: str) -> BakeResult:
    plan, recipe = build.plan, build.plan.recipe
    return BakeResult(
        template=recipe.template,
        version=recipe.version,
        architecture=recipe.architecture,
        region=plan.region,
        ami_id=ami.id,
        name=ami.name,
        digest=recipe.digest,
        reused=False,
        started_from=dict(started_from(plan.start)) if plan.start else {},
        layers=tuple(LayerTime(layer.name, layer.digest, watch.seconds.get(layer.name)) for layer in recipe.layers),
        seconds=seconds,
        regions={plan.region: {"ami_id": ami.id, "status": "available"}},
        cost=plan.cost(plan.build_usd),
        packer_version=packer,
        run=build.run.info.id,
        predicted=plan.estimate,
    )
