"""Whether an image of a machine can be public is asked before the machine is touched, by the rules of every share."""

from __future__ import annotations

import pytest

from cws_build.actions.create_public import check_public
from cws_build.errors import AccessDenied, InputError
from cws_build.model.creating import CreateRequest
from tests.copying import HOME, bake, client, running_machine
from tests.sandbox.rig import running


@pytest.fixture(scope="module")
def box(tmp_path_factory):
    with running(tmp_path_factory.mktemp("public") / "sandbox") as found:
        client(found).disable_image_block_public_access()
        yield found


@pytest.fixture
def machine(box, ctx):  # noqa: ARG001  what the test leaves is cleared by the context
    with running_machine(box, bake(box, "the source")) as ident:
        yield ident


def public(box, name):
    ident = bake(box, name)
    client(box).modify_image_attribute(ImageId=ident, LaunchPermission={"Add": [{"Group": "all"}]})
    return ident


def wanted(machine, name):
    return CreateRequest(template="studio", instance=machine, name=name, region=HOME)


def test_a_full_quota_refuses_another_image_and_not_one_that_is_counted_already(box, ctx, machine):
    for number in range(5):
        public(box, f"public {number}")
    check_public(ctx, wanted(machine, "public 3"))
    with pytest.raises(AccessDenied, match="nothing was made: 5 of 5 public images are taken in us-east-1") as caught:
        check_public(ctx, wanted(machine, "another"))
    assert "request-service-quota-increase" in caught.value.hint


def test_a_block_is_named_with_who_decides_and_never_switched_off(box, ctx, machine):
    ec2 = client(box)
    ec2.enable_image_block_public_access(ImageBlockPublicAccessState="block-new-sharing")
    with pytest.raises(AccessDenied, match="block public access is on for images in us-east-1") as caught:
        check_public(ctx, wanted(machine, "another"))
    assert ec2.get_image_block_public_access_state()["ImageBlockPublicAccessState"] == "block-new-sharing"
    ec2.disable_image_block_public_access()
    assert "aws ec2 disable-image-block-public-access --region us-east-1" in caught.value.hint


def test_a_machine_that_is_not_there(ctx):
    with pytest.raises(InputError, match="there is no machine"):
        check_public(ctx, wanted("i-0123456789abcdef0", "another"))
