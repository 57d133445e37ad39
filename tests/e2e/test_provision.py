"""Machines of the sandbox, started, finished by Ansible and awaited, as a launch does it."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import uuid

import msgspec
import pytest

from cws_build.actions.await_ready import await_services, await_ssh
from cws_build.actions.machine_access import hand_over, login_to, remove_machine
from cws_build.actions.provision import provisioning
from cws_build.actions.start_machine import start_machine
from cws_build.actions.user_data import await_user_data, user_data_for
from cws_build.errors import Interrupted, ProvisionFailed
from cws_build.model.events import LayerFinished, TaskFinished
from tests.e2e.baking import FAST
from tests.launching import plan_of, run_info
from tests.project import context

pytestmark = [pytest.mark.machines, pytest.mark.timeout(300)]


class Bench:
    """A context that works in the sandbox of the tests, with what it told."""

    def __init__(self, folders, **launch):
        from cws_build.model.settings import LaunchSettings

        self.told = []
        self.ctx = context(*folders, show=self.told.append, sandbox=True, launch=LaunchSettings(**launch))

    def plan(self, template, **fields):
        image = self.ctx.account().cloud().parameter("/aws/service/debian/release/12/latest/amd64")
        (start,) = self.ctx.account().cloud().images(_by_id(image))
        return plan_of(self.ctx.library, template, start, **fields)

    @contextlib.contextmanager
    def machine(self, plan, **more):
        """Start a machine of a plan; it is gone at the end."""
        with self.ctx.runs.begin(run_info(f"test-{uuid.uuid4().hex[:8]}", "sandbox")) as run:
            machine = start_machine(self.ctx, plan, run, **more)
            try:
                yield run, machine
            finally:
                self.ctx.cancel.clear()
                remove_machine(self.ctx, machine, run)
                run.finish("done")

    def login(self, plan):
        return login_to(self.ctx, plan.resolution.region, plan.request.name, plan.ssh_user)

    def output(self, machine, plan, *words):
        return self.ctx.probe.output_of(machine.address, self.login(plan), words)


def provision(ctx, plan, run, machine):
    """Run the missing layers of a plan on a machine that is there already."""
    with provisioning(ctx, plan, run) as ready:
        return ready.run_on(machine)


def _by_id(image):
    from cws_build.model.image import ImageQuery

    return ImageQuery(ids=(image,))


@pytest.fixture
def bench(box, monkeypatch):
    """Return a function that makes a context with libraries and launch settings."""
    monkeypatch.setenv("CWS_BUILD_STATE", str(box.state))
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "of-the-user-and-not-for-ansible")
    return lambda *folders, **launch: Bench(folders or (FAST,), **launch)


def test_a_machine_gets_its_layers(box, before, bench):
    handlers = [signal.getsignal(sign) for sign in (signal.SIGINT, signal.SIGTERM)]
    it = bench()
    plan = it.plan("tiny", parameters={"mark": "provisioned"}, volume_gb=30)
    with it.machine(plan) as (run, machine):
        await_ssh(it.ctx, run, machine)
        seconds = provision(it.ctx, plan, run, machine)
        layers = [layer.name for layer in plan.recipe.layers]
        assert sorted(seconds) == sorted(layers)
        assert [event.layer for event in it.told if isinstance(event, LayerFinished)] == layers
        assert any(isinstance(event, TaskFinished) and event.path.startswith("roles/") for event in it.told)
        written = it.output(machine, plan, "cat", "/var/lib/cws-build/recipe.json")
        assert all(layer.digest in written for layer in plan.recipe.layers)
        assert it.output(machine, plan, "cat", "/var/lib/cws-build/packages") == "provisioned"
        # What ansible-runner would keep on disk is nowhere, and our own environment went nowhere.
        assert not (run.folder / "workspace" / "artifacts").exists()
        kept = b"".join(path.read_bytes() for path in run.folder.rglob("*") if path.is_file())
        assert b"of-the-user-and-not-for-ansible" not in kept
        assert [signal.getsignal(sign) for sign in (signal.SIGINT, signal.SIGTERM)] == handlers
        described = box.client().describe_instances(InstanceIds=[machine.id])["Reservations"][0]["Instances"][0]
        assert described["MetadataOptions"]["HttpTokens"] == "required"
        tags = {tag["Key"]: tag["Value"] for tag in described["Tags"]}
        assert tags["cws:name"] == "mine"
        assert tags["cws:digest"] == plan.recipe.digest
        # Only what is missing runs, and only its roles are there for it.
        late = msgspec.structs.replace(plan, first_layer=3)
        assert list(provision(it.ctx, late, run, machine)) == layers[2:]
        roles = {path.name for path in (run.folder / "workspace" / "project" / "roles").iterdir()}
        assert roles == {plan.recipe.layers[2].role}
        hand_over(it.ctx, run, machine.region)
        assert it.ctx.account().cloud().resources([run.info.id]) == []
    assert box.resources() == before


def test_a_layer_fails(bench, lab):
    slug = lab.write("breaks", post_install="echo it was a good day\nexit 7\n")
    it = bench(*lab.libraries)
    plan = it.plan(slug)
    with it.machine(plan) as (run, machine):
        await_ssh(it.ctx, run, machine)
        with pytest.raises(ProvisionFailed, match=r"layer post_install failed in task .*roles/post_install") as failed:
            provision(it.ctx, plan, run, machine)
        assert "it was a good day" in failed.value.message + failed.value.details["output"]
        assert failed.value.hint


def test_an_interrupt_ends_everything(bench, lab):
    slug = lab.write("sleeps", post_install="sleep 120\n")
    it = bench(*lab.libraries)
    plan = it.plan(slug)
    with it.machine(plan) as (run, machine):
        await_ssh(it.ctx, run, machine)
        seen = threading.Event()

        def show(event):
            it.told.append(event)
            if getattr(event, "layer", "") == "post_install":
                seen.set()
                it.ctx.cancel.set()

        import dataclasses

        ctx = dataclasses.replace(it.ctx, emit=show)
        with pytest.raises(Interrupted):
            provision(ctx, plan, run, machine)
        assert seen.is_set()
        assert _working_in(run.folder) == []


def _working_in(folder):
    """Return the processes that name a folder on their command line or in their environment."""
    from pathlib import Path

    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            known = (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
            if str(folder).encode() in known and int(entry.name) != os.getpid():
                found.append((entry / "cmdline").read_bytes())
    return found


def test_a_silent_service_shows_its_journal(bench):
    it, hasty = bench(), bench(ready_minutes=0.05)
    plan = it.plan("tiny")
    with it.machine(plan) as (run, machine):
        await_ssh(it.ctx, run, machine)
        services = (("ssh", 22), ("cron", 8999))
        with pytest.raises(ProvisionFailed, match=r"cron of .* does not answer on port 8999") as silent:
            await_services(hasty.ctx, run, machine, services, it.login(plan))
        assert [service["ready"] for service in silent.value.details["services"]] == [True, False]
        assert silent.value.details["output"]


def test_a_machine_finishes_itself_at_its_first_boot(bench):
    it = bench()
    plan = it.plan("tiny", parameters={"mark": "by-itself"}, request_transport="user-data")
    with it.machine(plan, user_data=user_data_for(it.ctx, plan)) as (run, machine):
        seconds = await_user_data(it.ctx, run, machine, plan)
        assert list(seconds) == [layer.name for layer in plan.recipe.layers]
        assert it.output(machine, plan, "cat", "/var/lib/cws-build/packages") == "by-itself"
        written = it.output(machine, plan, "cat", "/var/lib/cws-build/recipe.json")
        assert plan.recipe.digest in written
        assert "Permission denied" in it.output(machine, plan, "cat", "/var/lib/cws-build/user-data/run.py")


def test_a_machine_fails_at_its_first_boot(bench, lab):
    slug = lab.write("breaks-alone", post_install="echo no luck\nexit 7\n")
    it = bench(*lab.libraries)
    plan = it.plan(slug, request_transport="user-data")
    with (
        it.machine(plan, user_data=user_data_for(it.ctx, plan)) as (run, machine),
        pytest.raises(ProvisionFailed, match=r"(?s)layer post_install failed in task .*no luck"),
    ):
        await_user_data(it.ctx, run, machine, plan)
