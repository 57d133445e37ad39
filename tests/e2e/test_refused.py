"""The cloud refuses, or breaks: one sentence with the next step, and nothing is left."""

from __future__ import annotations

import signal

import pytest

from tests.e2e.going import says, task, until

pytestmark = [pytest.mark.machines, pytest.mark.timeout(300)]

MARK = ("--param", "mark=faulty")


def refused(done, code, *words):
    """Check that a bake ended with one sentence and a next step."""
    assert done.code == code, done.out + done.stderr
    error = done.error
    assert all(word in error["message"] for word in words), error
    assert error["hint"], error
    assert "Traceback" not in done.out + done.stderr
    assert "\n" not in error["message"], error


@pytest.mark.parametrize(
    "refusal",
    [
        ("ImportKeyPair", "UnauthorizedOperation", 5, ["importing the key pair", "UnauthorizedOperation"]),
        ("CreateSecurityGroup", "SecurityGroupLimitExceeded", 5, ["creating the security group"]),
        # The group exists by then, and must go as well.
        ("AuthorizeSecurityGroupIngress", "UnauthorizedOperation", 5, ["creating the security group"]),
        ("RunInstances", "InsufficientInstanceCapacity", 5, ["Packer could not bake tiny", "no capacity"]),
        ("RunInstances", "VcpuLimitExceeded", 5, ["Packer could not bake tiny", "quota"]),
    ],
)
def test_a_call_is_refused(box, before, refusal):
    call, error, code, words = refusal
    box.fault("--call", call, "--error", error)
    refused(box.cws("bake", "tiny", *MARK), code, *words)
    assert box.resources() == before


def test_throttled_calls_are_repeated(box, before):
    for call in ("DescribeImages", "ImportKeyPair", "RunInstances", "CreateImage"):
        box.fault("--call", call, "--error", "RequestLimitExceeded", "--times", "2")
    done = box.bake("tiny", *MARK)
    assert box.resources() - before == box.parts(done["ami_id"])


def test_the_image_fails(box, lab, before):
    lab.write("unlucky", packages={"system": ["unlucky"]})
    box.fault("--call", "CreateImage", "--fails", "the volume has a bad block")
    refused(box.cws("bake", "unlucky", libraries=lab.libraries), 5, "Packer could not bake unlucky", "bad block")
    assert box.resources() == before


def test_the_image_cannot_be_published(box, lab, before):
    lab.write("unlucky", packages={"system": ["unpublished"]})
    going = box.start("bake", "unlucky", libraries=lab.libraries)
    going.until(says("Terminating the source AWS instance"))
    # Packer goes on meanwhile; what tags the image afterwards waits until the fault is there.
    going.signal(signal.SIGSTOP)
    box.fault("--call", "CreateTags", "--error", "UnauthorizedOperation")
    going.signal(signal.SIGCONT)
    refused(going.end(), 5, "tagging", "UnauthorizedOperation")
    assert box.resources() == before


@pytest.mark.parametrize("how", ["terminated by its owner", "gone without a word"])
def test_the_machine_dies_during_a_layer(box, lab, before, how):
    lab.write("unlucky", packages={"system": ["dies"]}, post_install="sleep 600\n")
    going = box.start("bake", "unlucky", libraries=lab.libraries)
    going.until(task("Run the script"))
    machine = next(ident for kind, ident in box.resources() - before if kind == "instance")
    if how == "terminated by its owner":
        box.client().terminate_instances(InstanceIds=[machine])
    else:
        box.podman("kill", f"cws-sandbox-{box.name}-{machine}")
    refused(going.end(), 6, "layer post_install")
    until(lambda: box.resources() == before)
