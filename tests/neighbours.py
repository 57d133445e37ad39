"""Other accounts of a sandbox, and what they can really do with an image: the proof of a share."""

from __future__ import annotations

import functools

from botocore.exceptions import ClientError

from cws_build.actions.plan_share import ShareRequest, plan_share
from cws_build.actions.remember import records
from cws_build.actions.share import share
from cws_build.actions.unshare import unshare
from cws_build.model.sharing import Grantee, Sharing
from tests.copying import HOME, client
from tests.sandbox import rig
from tests.sandbox.rig import quiet

ADA, BOB, EVE = "210987654321", "111122223333", "444455556666"
ORGANIZATION = "arn:aws:organizations::123456789012:organization/o-cwssandbox"
EVEN = "arn:aws:organizations::123456789012:ou/o-cwssandbox/ou-cwsb-evennumber"


def theirs(box, account, region=HOME, service="ec2"):
    """Return a client of another account."""
    return _theirs(box.ensure(quiet).url, box, account, region, service)


@functools.cache
def _theirs(_url, box, account, region, service):
    return rig.client(box, service, region, account)


def can(box, account, image, region=HOME):
    """Return what an account can do with an image, by trying it: ``nothing``, ``launch`` or ``copy``."""
    ec2 = theirs(box, account, region)
    try:
        started = ec2.run_instances(ImageId=image, InstanceType="t3.micro", MinCount=1, MaxCount=1)
    except ClientError:
        return "nothing"
    ec2.terminate_instances(InstanceIds=[one["InstanceId"] for one in started["Instances"]])
    try:
        copy = ec2.copy_image(SourceImageId=image, SourceRegion=region, Name=f"copy of {image}")["ImageId"]
    except ClientError:
        return "launch"
    made = rig.until(lambda: (found := rig.image(ec2, copy))["State"] != "pending" and found)
    ec2.deregister_image(ImageId=copy, DeleteAssociatedSnapshots=True)
    return "copy" if made["State"] == "available" else "launch"


def to(*accounts, level="launch", **others):
    """Return grantees: accounts, and others by their kind."""
    named = [("account", one) for one in accounts] + list(others.items())
    return tuple(Grantee(kind=kind, id=ident if kind != "public" else "", level=level) for kind, ident in named)


def give(ctx, image, *accounts, agreed=False, region="", alone=False, **words):
    """Share an image."""
    import msgspec

    request = ShareRequest(image=image, grantees=to(*accounts, **words), region=region, alone=alone)
    return share(ctx, msgspec.structs.replace(plan_share(ctx, request), agreed=agreed))


def take(ctx, image, *accounts, region="", alone=False, **words):
    """Take shares away."""
    return unshare(ctx, ShareRequest(image=image, grantees=to(*accounts, **words), region=region, alone=alone))


def intent(ctx, image):
    """Return the grantees that the store has for an image."""
    found = records(ctx, Sharing).get(image)
    return found.grantees if found else ()


def statuses(done):
    """Return what became of each region."""
    return {one.region: one.status for one in done.images}


def encrypted(box, name, key="", region=HOME):
    """Register an image, and copy it in its region with a key; return the copy."""
    from tests.copying import bake, tags_of

    ec2 = client(box, region=region)
    source = bake(box, f"{name} plain", region=region)
    words = [{"Key": key, "Value": value} for key, value in tags_of(rig.image(ec2, source)).items()]
    copy = ec2.copy_image(
        SourceImageId=source,
        SourceRegion=region,
        Name=name,
        Encrypted=True,
        **({"KmsKeyId": key} if key else {}),
        TagSpecifications=[{"ResourceType": "image", "Tags": words}],
    )["ImageId"]
    rig.image_in_state(ec2, copy)
    ec2.deregister_image(ImageId=source, DeleteAssociatedSnapshots=True)
    return copy
