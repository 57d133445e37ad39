"""A sandbox of the tests' own, and the commands that work in it."""

from __future__ import annotations

import json
import os
import signal
import sys
from contextlib import suppress

from cws_build.errors import ToolError
from cws_build.sandbox.control import Sandbox
from cws_build.sandbox.podman import LABEL, Podman
from tests.e2e.going import Going, naming, until
from tests.project import DATA, ROOT

FAST = DATA / "fast-library"
REGION = "us-east-1"


class Box:
    """A sandbox, and the commands that work in it."""

    def __init__(self, state, folder):
        self.state = state
        self._folder = folder
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "CWS_BUILD_"))}
        if "CWS_BUILD_CACHE" in os.environ:
            kept["CWS_BUILD_CACHE"] = os.environ["CWS_BUILD_CACHE"]
        mine = {"CWS_BUILD_STATE": str(state), "XDG_CONFIG_HOME": str(folder), "PYTHONPATH": str(ROOT)}
        # Most tests are not about the machine that tries a new image; those that are switch it on by their settings.
        (folder / "cws-build").mkdir(exist_ok=True)
        (folder / "cws-build" / "cws-build.toml").write_text("[images]\nboot_test = false\n")
        # A test that is killed takes its sandbox along.
        self.environment = kept | mine | {"CWS_BUILD_SANDBOX_WITH": str(os.getpid())}
        self._started: list[Going] = []

    def start(self, *words, libraries=(FAST,), folder=None, **environment):
        """Start a command."""
        named = [word for library in libraries for word in ("--library", str(library))]
        argv = [sys.executable, "-m", "cws_build", "--json", "--sandbox", *named, *map(str, words)]
        going = Going(argv, environment=self.environment | environment, folder=folder or self._folder)
        self._started.append(going)
        return going

    def cws(self, *words, **options):
        """Run a command to its end."""
        return self.start(*words, **options).end()

    def bake(self, *words, **options):
        """Bake, which must succeed, and return the result."""
        done = self.cws("bake", *words, **options)
        assert done.code == 0, done.out + done.stderr + self.log()
        return done.json

    def log(self):
        """Return the end of the sandbox's own log: why it could not do what was asked."""
        return "\n".join((self.state / "sandbox" / "server.log").read_text().splitlines()[-30:])

    def client(self, service="ec2"):
        """Return a boto3 client of the sandbox."""
        import boto3

        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id="cws-build-sandbox",
            aws_secret_access_key="cws-build-sandbox",
        )

    @property
    def url(self):
        """Where the sandbox listens."""
        return json.loads((self.state / "sandbox" / "server.json").read_bytes())["url"]

    @property
    def name(self):
        """The sandbox's id."""
        return (self.state / "sandbox" / "id").read_text()

    def runs(self):
        """Return the ids of all runs."""
        folder = self.state / "runs"
        return {path.name for path in folder.iterdir()} if folder.is_dir() else set()

    def podman(self, *words):
        """Run podman as the sandbox does; return what it said."""
        return Podman(self.state / "sandbox" / "containers.conf").run(*words)

    def containers(self):
        """Return the machines that podman holds for this sandbox."""
        return set(until(self._listed).split())

    def _listed(self):
        """List the machines, with a line end at least; podman gives up when another sandbox removes one meanwhile."""
        with suppress(ToolError):
            return self.podman("ps", "-aq", "--filter", f"label={LABEL}={self.name}") + "\n"
        return ""

    def resources(self):
        """Return everything in the sandbox, as (kind, id)."""
        ec2 = self.client()
        gone = {"terminated", "shutting-down"}
        machines = [m for r in ec2.describe_instances()["Reservations"] for m in r["Instances"]]
        groups = [g["GroupId"] for g in ec2.describe_security_groups()["SecurityGroups"] if g["GroupName"] != "default"]
        listed = {
            "instance": [m["InstanceId"] for m in machines if m["State"]["Name"] not in gone],
            "volume": [v["VolumeId"] for v in ec2.describe_volumes()["Volumes"]],
            "image": [i["ImageId"] for i in ec2.describe_images(Owners=["self"])["Images"]],
            "snapshot": [s["SnapshotId"] for s in ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"]],
            "key_pair": [k["KeyName"] for k in ec2.describe_key_pairs()["KeyPairs"]],
            "security_group": groups,
            "container": self.containers(),
        }
        return {(kind, ident) for kind, idents in listed.items() for ident in idents}

    def settled(self):
        """Return everything in the sandbox, once nothing of it is on its way any more."""
        until(lambda: not self._moving())
        return self.resources()

    def _moving(self):
        """Return the instances and images that are about to become something else."""
        ec2 = self.client()
        machines = [m for r in ec2.describe_instances()["Reservations"] for m in r["Instances"]]
        moving = [m for m in machines if m["State"]["Name"] in {"pending", "stopping", "shutting-down"}]
        return moving + [i for i in ec2.describe_images(Owners=["self"])["Images"] if i["State"] == "pending"]

    def image(self, ident):
        """Describe an image."""
        return self.client().describe_images(ImageIds=[ident])["Images"][0]

    def snapshot(self, image):
        """Describe the snapshot of an image."""
        ident = self.image(image)["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"]
        return self.client().describe_snapshots(SnapshotIds=[ident])["Snapshots"][0]

    def parts(self, ident):
        """Return an image and its snapshot as ``resources`` lists them."""
        return {("image", ident), ("snapshot", self.snapshot(ident)["SnapshotId"])}

    def reference(self, image):
        """Return podman's name of the file system that an image holds."""
        return f"localhost/cws-build-sandbox-{self.name}:{self.snapshot(image)['SnapshotId']}"

    def look(self, image, script):
        """Run a script in the file system of an image; return what it said."""
        return self.podman("run", "--rm", "--network=none", "--entrypoint=sh", self.reference(image), "-c", script)

    def calls(self, work):
        """Do some work; return what came of it, and the API calls that it made."""
        log = self.state / "sandbox" / "server.log"
        before = log.stat().st_size
        result = work()
        with log.open("rb") as file:
            file.seek(before)
            lines = file.read().decode().splitlines()
        return result, [line.split(f" {REGION} ")[1].split(":")[0] for line in lines if f" INFO {REGION} " in line]

    def fault(self, *words):
        """Let something go wrong from now on."""
        done = self.cws("sandbox", "fault", "add", *words)
        assert done.code == 0, done.out

    def mend(self):
        """Let nothing go wrong any more."""
        Sandbox(self.state / "sandbox", self.state).clear_faults()

    def recover(self):
        """End what a test left going that failed, and remove what that had made, before the next one begins."""
        for going in self._started:
            if going.process.poll() is None:
                self._kill_tools(self.state / "runs")
                going.signal(signal.SIGKILL)
                going.end()
        self.cws("reap")

    def forget(self):
        """Forget the commands that a test has started."""
        self._started.clear()

    def processes(self, run):
        """Return the processes that name the folder of a run."""
        return naming(self.state / "runs" / run)

    def kill(self, going, run):
        """Kill a command and its tools in one go, without any of them noticing the others' end."""
        going.signal(signal.SIGSTOP)
        self._kill_tools(self.state / "runs" / run)
        going.signal(signal.SIGKILL)
        return going.end()

    @staticmethod
    def _kill_tools(folder):
        for pid in naming(folder):
            with suppress(ProcessLookupError):
                os.killpg(os.getpgid(pid), signal.SIGKILL)


class Lab:
    """A library of one test, laid over the fast one."""

    def __init__(self, folder):
        self.folder = folder
        (folder / "templates").mkdir(parents=True)

    @property
    def libraries(self):
        """The libraries to work with."""
        return (self.folder, FAST)

    def write(self, slug, **fields):
        """Write a template, or write it anew.

        It must have a layer of its own: an image of the base layer alone is a prefix of every recipe of Debian's, and
        later tests' bakes would start from it.
        """
        assert fields.keys() & {"packages", "users", "services", "post_install"}
        document = {"name": slug, "slug": slug, "description": f"{slug}, of a test", "base": "debian-12"} | fields
        # JSON is YAML, and quotes whatever a test thinks of.
        (self.folder / "templates" / f"{slug}.yml").write_text(
            json.dumps(document, ensure_ascii=False), encoding="utf-8"
        )
        return slug

    def tiny(self, slug):
        """Write a template like the fast library's ``tiny``, whose images no other template shares."""
        mark = {"mark": {"type": "string", "default": slug, "description": "What sets an image apart"}}
        users = [{"name": "ada", "shell": "/bin/bash"}]
        return self.write(slug, version="1.0.0", parameters=mark, packages={"system": ["{{.mark}}"]}, users=users)

    def role(self, name, tasks):
        """Write a role."""
        folder = self.folder / "playbooks" / "roles" / name / "tasks"
        folder.mkdir(parents=True)
        (folder / "main.yml").write_text(json.dumps(tasks))
