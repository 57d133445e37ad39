"""What an image of a machine counts as: its recipe's where nothing has changed, and what stands in the way of that."""

from __future__ import annotations

import contextlib
import dataclasses

import msgspec
import pytest

from cws_build.actions.create_ami import create_ami
from cws_build.actions.launch import launch
from cws_build.actions.remember import records
from cws_build.actions.resolve import resolve
from cws_build.actions.versions import releases
from cws_build.errors import Interrupted
from cws_build.frontends.creating import created_text
from cws_build.model.created_tags import FROM_DIGEST_TAG, INSTANCE_TAG, MODIFIED_TAG, known_layers
from cws_build.model.creating import CreateRequest
from cws_build.model.creation import Creation, creation_key
from cws_build.model.image import DIGEST_TAG, layer_tags
from cws_build.model.image_tags import digest_of
from cws_build.model.known_content import BAKED_TAG, READY_TAG, Changes
from cws_build.model.launching import ResolveRequest
from cws_build.model.self_written import SELF_WRITTEN
from cws_build.model.settling import agreed
from cws_build.ports import Outcome
from cws_build.ports.machines import Said
from tests.copying import HOME, bake, clear, client, sandbox_context, tags_of
from tests.launchpad import Pad
from tests.project import compiled
from tests.sandbox.rig import image, in_state

NAME = "Studio as it is"
READY = "2026-11-22T12:00:00.500+00:00"
BAKED = "2026-11-01T00:00:00+00:00"
RECIPE = compiled("studio").recipe
KNOWN = {
    "cws:name": "mine",
    "cws:template": "studio",
    "cws:version": RECIPE.version,
    DIGEST_TAG: RECIPE.digest,
    READY_TAG: READY,
    BAKED_TAG: BAKED,
    **layer_tags([(layer.name, layer.digest) for layer in RECIPE.layers]),
}


class Machine:
    """A machine that tells what a test has put on it, and remembers what it was asked."""

    def __init__(self, *paths):
        self.paths, self.answer, self.asked, self.silent = paths, None, [], False

    def ssh(self, _host):
        return not self.silent

    def run(self, _host, _login, script, _cancel):
        self.asked.append(script)
        told = {"count": len(self.paths), "paths": self.paths, "now": 1.0e9}
        return self.answer or Said(code=0, out=msgspec.json.encode(told).decode())


class Sysprep:
    """Ansible, of which nothing but sysprep is asked."""

    def __init__(self):
        self.played = 0

    def begin(self, _playbook, _emit):
        return contextlib.nullcontext(self)

    def run(self, _cancel):
        self.played += 1
        return Outcome(("ansible-playbook",), 0, 1.0)


@pytest.fixture
def there():
    return Machine()


@pytest.fixture
def ctx(box, home, there):
    player = Sysprep()
    yield dataclasses.replace(sandbox_context(box, home / "state"), probe=there, ansible=lambda: player)
    clear(box)


@pytest.fixture
def start(box, ctx):  # noqa: ARG001  what the test leaves is cleared by the context
    """Start machines with tags; they are gone afterwards."""
    ec2, made = client(box), []
    source = bake(box, "the source")

    def begin(**changed):
        tags = {key: value for key, value in (KNOWN | changed).items() if value}
        words = [{"Key": key, "Value": value} for key, value in tags.items()]
        spec = [{"ResourceType": "instance", "Tags": words}]
        found = ec2.run_instances(
            ImageId=source, InstanceType="t3.micro", MinCount=1, MaxCount=1, TagSpecifications=spec
        )
        made.append(found["Instances"][0]["InstanceId"])
        in_state(ec2, made[-1], "running")
        return made[-1]

    yield begin
    for ident in made:
        ec2.terminate_instances(InstanceIds=[ident])
        in_state(ec2, ident, "terminated")


def request(**words):
    return CreateRequest(**{"template": "studio", "instance": "mine", "name": NAME} | words)


def made(box, found):
    return image(client(box), found.ami_id)


def test_unchanged_and_cleaned_it_is_an_image_of_the_recipe(box, ctx, start, there):
    ident = start()
    found = create_ami(ctx, request(sysprep=True))
    tags = tags_of(made(box, found))
    assert (found.modified, found.digest, found.changed.count, found.reason) == (False, RECIPE.digest, 0, "")
    assert (tags[DIGEST_TAG], tags[INSTANCE_TAG], tags["cws:sysprep"]) == (RECIPE.digest, ident, "true")
    assert [name for name, _ in known_layers(tags)] == [layer.name for layer in RECIPE.layers]
    assert (tags["cws:version"], tags[BAKED_TAG]) == (RECIPE.version, BAKED)
    assert not {MODIFIED_TAG, FROM_DIGEST_TAG} & set(tags)
    assert digest_of(made(box, found)["Description"], [RECIPE.digest]) == RECIPE.digest
    assert len(there.asked) == 1
    snapshot = made(box, found)["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"]
    assert tags_of(client(box).describe_snapshots(SnapshotIds=[snapshot])["Snapshots"][0]) == tags
    assert "an image of the recipe" in created_text(found)
    assert found.ami_id in {one.ami.id for one in releases(ctx, "studio", HOME)}


def test_it_is_taken_by_resolution_when_it_is_the_only_one(box, ctx, start):
    start()
    found = create_ami(ctx, request(sysprep=True))
    ec2 = client(box)
    (source,) = [one for one in ec2.describe_images(Owners=["self"])["Images"] if one["Name"] == "the source"]
    ec2.deregister_image(ImageId=source["ImageId"])
    ctx.lookup(HOME).forget()
    answer = resolve(ctx, ResolveRequest(template="studio", architecture="x86_64", refresh=True)).resolution
    assert answer.chosen.ami.id == found.ami_id


def test_unchanged_but_not_cleaned_it_is_no_ones_image_and_says_so(box, ctx, start):
    start()
    found = create_ami(ctx, request())
    tags = tags_of(made(box, found))
    assert (found.modified, found.digest) == (False, "")
    assert "--sysprep" in found.reason
    assert found.reason in created_text(found)
    assert (tags[FROM_DIGEST_TAG], tags[BAKED_TAG]) == (RECIPE.digest, BAKED)
    assert not {MODIFIED_TAG, DIGEST_TAG} & set(tags)
    assert found.ami_id not in {one.ami.id for one in releases(ctx, "studio", HOME)}


def test_changes_are_counted_named_and_mark_it(box, ctx, start, there):
    start()
    there.paths = ("/etc/motd", "/home/ada/")
    found = create_ami(ctx, request(sysprep=True))
    tags = tags_of(made(box, found))
    assert (found.modified, found.digest) == (True, "")
    assert (found.changed.count, found.changed.paths) == (2, ("/etc/motd", "/home/ada/"))
    assert (tags[MODIFIED_TAG], tags[FROM_DIGEST_TAG], DIGEST_TAG in tags) == ("true", RECIPE.digest, False)
    assert "tagged cws:modified: 2 changes since its launch: /etc/motd, /home/ada/" in created_text(found)


def test_the_same_again_tells_the_same(ctx, start, there):
    start()
    there.paths = ("/etc/motd",)
    first, again = create_ami(ctx, request()), create_ami(ctx, request())
    assert (again.reused, again.changed, again.reason) == (True, first.changed, first.reason)
    assert len(there.asked) == 1


def test_one_that_was_launched_with_parameters_is_known_by_its_own_tags(box, ctx, start):
    start(**{DIGEST_TAG: "f" * 64, "cws:layers": "base=aaaaaaaaaaaa mine=ffffffffffff", "cws:version": "0.9.0"})
    found = create_ami(ctx, request(sysprep=True))
    tags = tags_of(made(box, found))
    assert (found.digest, found.version) == ("f" * 64, "0.9.0")
    assert known_layers(tags) == [("base", "aaaaaaaaaaaa"), ("mine", "ffffffffffff")]


@pytest.mark.parametrize(
    ("tags", "reason"),
    [
        ({READY_TAG: ""}, "did not see the whole recipe through"),
        ({DIGEST_TAG: ""}, "did not see the whole recipe through"),
        ({DIGEST_TAG: "f" * 64, "cws:template": "quarry"}, "was launched from quarry"),
    ],
)
def test_what_a_machine_holds_is_not_known(ctx, start, there, tags, reason):
    start(**tags)
    found = create_ami(ctx, request(sysprep=True))
    assert (found.modified, found.changed, there.asked) == (True, None, [])
    assert reason in found.reason


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (Said(code=255, err="Permission denied (publickey)."), "Permission denied"),
        (Said(code=1, err="sudo: a password is required"), "a password is required"),
        (Said(code=0, out='{"unsure": "its clock is 900 s off"}'), "its clock is 900 s off"),
        (Said(code=0, out="welcome"), "welcome"),
    ],
)
def test_nobody_can_look_into_it(ctx, start, there, answer, reason):
    start()
    there.answer = answer
    found = create_ami(ctx, request())
    assert (found.modified, found.changed) == (True, None)
    assert reason in found.reason


def test_a_stopped_machine_proves_nothing(box, ctx, start, there):
    ident = start()
    client(box).stop_instances(InstanceIds=[ident])
    in_state(client(box), ident, "stopped")
    found = create_ami(ctx, request(instance=ident))
    assert (found.modified, there.asked) == (True, [])
    assert "it is stopped" in found.reason


def test_interrupted_while_it_is_looked_at(ctx, start, there):
    start()
    there.answer = Said(code=255, ended=True)
    with pytest.raises(Interrupted, match="nothing was changed"):
        create_ami(ctx, request())


@pytest.mark.parametrize(("closed", "asked"), [(True, 0), (False, 1)])
def test_a_process_that_died_after_sysprep_has_left_what_it_found(ctx, start, there, closed, asked):
    ident = start()
    (machine,) = ctx.account().machines(HOME).describe([ident])
    left = Creation(
        instance=ident,
        region=HOME,
        name=NAME,
        template="studio",
        run="gone",
        restart=True,
        cleaned=closed,
        closed=closed,
        launched=machine.launched,
        changes=Changes(),
    )
    records(ctx, Creation).put(creation_key(HOME, NAME), left)
    found = create_ami(ctx, request(sysprep=True))
    assert (len(there.asked), ctx.ansible().played) == (asked, asked)
    assert found.digest == RECIPE.digest


def test_the_look_moves_the_moment_so_that_the_next_finds_nothing_of_it(box, ctx, start):
    ident = start()
    create_ami(ctx, request())
    (found,) = client(box).describe_instances(InstanceIds=[ident])["Reservations"][0]["Instances"]
    assert tags_of(found)[READY_TAG] == "2001-09-09T01:46:40.000+00:00"


def test_no_path_is_the_systems_own_without_a_reason_or_twice():
    words = [pattern for group in SELF_WRITTEN for pattern in group.patterns]
    assert len(words) == len(set(words))
    assert all(group.reason and word[0] in "/~*" for group in SELF_WRITTEN for word in group.patterns)


@pytest.fixture
def pad(tmp_path, home):  # noqa: ARG001  plugins keep their files in the home
    return Pad(tmp_path / "state")


def launched(pad, **words):
    launch(pad.ctx, agreed(pad.plan(**words)))
    (machine,) = [one for one in pad.place().fleet.values() if one.state == "running"]
    return machine.tags


@pytest.mark.parametrize("count", [99, 8, 0])
def test_a_launch_says_at_its_end_what_the_machine_holds(pad, count):
    if count:
        pad.bake(count, tags={BAKED_TAG: BAKED})
    tags = launched(pad)
    assert (tags[READY_TAG], tags[DIGEST_TAG]) == ("2026-11-22T12:00:00.000+00:00", RECIPE.digest)
    assert tags[BAKED_TAG] == (BAKED if count else tags[READY_TAG])
    assert [name for name, _ in known_layers(tags)] == [layer.name for layer in RECIPE.layers]
    assert tags["cws:version"]


def test_without_waiting_nothing_is_said(pad):
    pad.bake()
    assert READY_TAG not in launched(pad, wait=False)
