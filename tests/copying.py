"""A sandbox without machines with one baked image in it, and contexts that copy it: real calls, no waiting."""

from __future__ import annotations

import dataclasses
import functools
from contextlib import contextmanager

from cws_build.actions.distribute import carry_out
from cws_build.actions.plan_copies import plan_copies
from cws_build.actions.remember import records
from cws_build.drivers.aws import Account
from cws_build.drivers.database import Database
from cws_build.drivers.lookup import Lookups
from cws_build.drivers.lookup_identity import of_sandbox
from cws_build.drivers.runs import DiskRuns
from cws_build.model.distribution import DistributeRequest
from cws_build.model.image import DIGEST_TAG, TEMPLATE_TAG, layer_tags
from cws_build.model.placement import Placement
from cws_build.sandbox.records import Fault
from tests.project import LIBRARY, compiled, context
from tests.sandbox import rig
from tests.sandbox.rig import quiet

HOME = "us-east-1"
NEAR, FAR, OTHER = "us-west-2", "eu-west-1", "ap-south-1"


def client(box, *, region=HOME):
    """Return a client of EC2, always the same one: making it takes longer than what it is used for."""
    return _client(box.ensure(quiet).url, box, region)


@functools.cache
def _client(_url, box, region):
    return rig.client(box, region=region)


def sandbox_context(box, state, *, store=None, emit=quiet, **settings):
    """Return a context in a sandbox that runs already, with state of its own."""
    place = box.ensure(quiet)
    account = Account(region=HOME, endpoint=place.url, credentials=(place.access_key, place.secret_key))
    account.name = "sandbox"
    lookups = Lookups(state / "lookup", 5.0, lambda: of_sandbox(box.state, HOME), lambda: account)
    database = store or Database(state / "store.db")
    return dataclasses.replace(
        context(LIBRARY, **settings),
        sandbox=True,
        account=lambda: account,
        lookup=lookups.region,
        store=lambda: database,
        runs=DiskRuns(state, lambda: database),
        state=state,
        emit=emit,
    )


def bake(box, name, *, region=HOME, template="studio", tags=None):
    """Register an image as a bake leaves it; return its id."""
    ec2 = client(box, region=region)
    volume = ec2.create_volume(AvailabilityZone=f"{region}a", Size=8)["VolumeId"]
    snapshot = ec2.create_snapshot(VolumeId=volume)["SnapshotId"]
    ec2.delete_volume(VolumeId=volume)
    recipe = compiled(template).recipe
    content = {
        "Name": name,
        TEMPLATE_TAG: recipe.template,
        "cws:version": recipe.version,
        "cws:baked-at": "2026-11-22T00:00:00+00:00",
        DIGEST_TAG: recipe.digest,
        **layer_tags([(layer.name, layer.digest) for layer in recipe.layers]),
    }
    words = [{"Key": key, "Value": value} for key, value in (content | (tags or {})).items()]
    return ec2.register_image(
        Name=name,
        Architecture="x86_64",
        VirtualizationType="hvm",
        RootDeviceName="/dev/xvda",
        ImdsSupport="v2.0",
        BlockDeviceMappings=[{"DeviceName": "/dev/xvda", "Ebs": {"SnapshotId": snapshot}}],
        TagSpecifications=[{"ResourceType": "image", "Tags": words}],
    )["ImageId"]


def copies(box, region):
    """Return what there is of one's own in a region: images with their tags, and snapshots that no image has."""
    ec2 = client(box, region=region)
    images = ec2.describe_images(Owners=["self"])["Images"]
    held = {m["Ebs"]["SnapshotId"] for image in images for m in image["BlockDeviceMappings"] if "Ebs" in m}
    snapshots = {one["SnapshotId"] for one in ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"]}
    return images, snapshots - held


def tags_of(image):
    """Return an image's tags."""
    return {tag["Key"]: tag["Value"] for tag in image.get("Tags", [])}


def clear(box, *regions):
    """Deregister everything of one's own in some regions, and put all faults out of force."""
    box.clear_faults()
    for region in regions or (HOME, NEAR, FAR, OTHER):
        ec2 = client(box, region=region)
        for image in ec2.describe_images(Owners=["self"], IncludeDisabled=True)["Images"]:
            ec2.disable_image_deregistration_protection(ImageId=image["ImageId"])
            ec2.deregister_image(ImageId=image["ImageId"], DeleteAssociatedSnapshots=True)
        for snapshot in ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"]:
            ec2.delete_snapshot(SnapshotId=snapshot["SnapshotId"])


@contextmanager
def running_machine(box, image, tags=None):
    """Run a machine of an image as long as the context is open; return its id."""
    ec2 = client(box)
    words = [{"Key": key, "Value": value} for key, value in (tags or {}).items()]
    tagged = {"TagSpecifications": [{"ResourceType": "instance", "Tags": words}]} if words else {}
    ident = rig.run(ec2, ImageId=image, **tagged)["InstanceId"]
    try:
        yield ident
    finally:
        box.clear_faults()
        ec2.terminate_instances(InstanceIds=[ident])
        rig.in_state(ec2, ident, "terminated")


def go(ctx, image, *regions, **words):
    """Distribute, agreed to."""
    request = DistributeRequest(image=image, regions=regions, agreed=True, **words)
    return carry_out(ctx, plan_copies(ctx, request))


def ledger(ctx):
    """Return the lines of the ledger by region."""
    return {line.region: line for line in records(ctx, Placement).all().values()}


__all__ = ["Fault", "bake", "clear", "client", "copies", "go", "ledger", "sandbox_context", "tags_of"]
