"""Resolution against the sandbox's API: botocore, its errors, and what is asked a second time."""

from __future__ import annotations

import dataclasses

import pytest

from cws_build.actions.resolve import resolve
from cws_build.errors import InputError, LimitExceeded
from cws_build.model.image import DIGEST_TAG
from cws_build.model.launching import ResolveRequest
from cws_build.model.settings import ResolveSettings
from cws_build.sandbox.records import Fault, Stranger
from tests.project import LIBRARY, compiled, context
from tests.sandbox.rig import client, running

TEMPLATE = (
    "name: Mapped\nslug: mapped\ndescription: d\nbase: debian-12\nami_config:\n  ami_mappings: {{us-east-1: {}}}\n"
)


@pytest.fixture(scope="module")
def state(tmp_path_factory):
    return tmp_path_factory.mktemp("resolve")


@pytest.fixture(scope="module")
def box(state):
    with running(state / "sandbox") as found:
        yield found


@pytest.fixture
def ask(box, home, state, monkeypatch):  # noqa: ARG001  the sandbox is there, and the command has a home
    """Return a function that resolves in the sandbox as a command does."""
    monkeypatch.setenv("CWS_BUILD_STATE", str(state))
    lab = home / "lab"
    (lab / "templates").mkdir(parents=True)

    def run(template="studio", *, names="", attempts=4, **words):
        if names:
            (lab / "templates" / "mapped.yml").write_text(TEMPLATE.format(names))
            template = "mapped"
        ctx = context(lab, LIBRARY, sandbox=True, resolve=ResolveSettings(attempts=attempts))
        request = ResolveRequest(template=template, architecture="x86_64", **words)
        return resolve(dataclasses.replace(ctx, emit=lambda _event: None), request).resolution

    return run


def calls(box):
    """Count from now on every call that reaches the sandbox."""
    return box.add_fault(Fault(call="*", delay=0.001)).id


def hits(box, fault):
    return next(one.hits for one in box.faults() if one.id == fault)


def test_a_second_resolve_calls_nothing(box, ask):
    first = ask()
    counter = calls(box)
    again = ask()
    assert hits(box, counter) == 0
    assert (again.base, again.method) == (first.base, "fallback_script")
    ask(refresh=True)
    assert hits(box, counter) > 0
    box.clear_faults()


def test_a_finished_image_is_found_by_its_digest(box, ask):
    ec2 = client(box)
    snapshot = ec2.describe_images(ImageIds=[ask().base.id])["Images"][0]["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"]
    disks = [{"DeviceName": "/dev/xvda", "Ebs": {"SnapshotId": snapshot}}]
    image = ec2.register_image(
        Name="baked",
        Architecture="x86_64",
        VirtualizationType="hvm",
        RootDeviceName="/dev/xvda",
        BlockDeviceMappings=disks,
    )["ImageId"]
    recipe = compiled("studio").recipe
    ec2.create_tags(Resources=[image], Tags=[{"Key": DIGEST_TAG, "Value": recipe.digest}])
    assert ask().chosen is None
    found = ask(refresh=True)
    assert (found.chosen.ami.id, found.complete) == (image, True)
    stranger = box.add_image(Stranger(name="baked better", public=True))
    assert ask(refresh=True).chosen.ami.id == image
    box.remove_image(stranger)
    ec2.deregister_image(ImageId=image)


def rejected(found):
    return {one.ami_id: one.why for attempt in found.attempts for one in attempt.rejected}


def test_what_is_elsewhere_or_gone(box, ask):
    there = box.add_image(Stranger(name="there", region="eu-west-1")).image_id
    gone = "ami-0123456789abcdef0"
    found = ask(names=there)
    assert rejected(found) == {there: "other_region"}
    found = ask(names=gone)
    assert rejected(found) == {gone: "not_found"}
    assert "it was deregistered, or never shared" in found.attempts[0].rejected[0].reason
    box.add_fault(Fault(call="ListImagesInRecycleBin", error="UnauthorizedOperation"))
    found = ask(names="ami-0123456789abcdef1")
    assert "the recycle bin could not be asked" in found.attempts[0].rejected[0].reason


def test_a_throttled_account_is_asked_again(box, ask):
    fault = box.add_fault(Fault(call="DescribeImages", error="RequestLimitExceeded", times=2))
    found = ask(refresh=True)
    assert found.base is not None
    assert fault.id not in {one.id for one in box.faults()}


def test_a_region_that_is_not_enabled_is_an_error_with_the_way_out(ask):
    from cws_build.errors import AccessDenied

    with pytest.raises(AccessDenied) as caught:
        ask(region="ap-southeast-6")
    assert "ap-southeast-6" in caught.value.message


def test_a_region_that_does_not_exist(ask):
    with pytest.raises(InputError, match="'nowhere-1' is not a region"):
        ask(region="nowhere-1")


def test_an_account_that_stays_throttled_is_an_error_that_says_to_wait(box, ask):
    box.add_fault(Fault(call="DescribeImages", error="RequestLimitExceeded"))
    counter = calls(box)
    with pytest.raises(LimitExceeded) as caught:
        ask(refresh=True, attempts=1)
    assert caught.value.message.startswith("looking for images in us-east-1: Request limit exceeded.")
    assert caught.value.hint.startswith("Wait a minute")
    assert caught.value.exit_code == 5
    assert hits(box, counter) < 10
    box.clear_faults()
