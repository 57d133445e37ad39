"""Plans of launches for tests, made by hand: what the tests here need of them and nothing else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from cws_build.actions.compile import compile_template
from cws_build.model.image import Ami
from cws_build.model.launching import Comparison, LaunchPlan, LaunchRequest, ResolveRequest
from cws_build.model.resolution import Resolution
from cws_build.ports import RunInfo

REGION = "us-east-1"


def image(ident="ami-1", **fields):
    """Return an image of the region."""
    values = {"region": REGION, "name": ident, "owner": "self", "architecture": "x86_64", "state": "available"}
    values |= {"created": "2026-11-01T00:00:00+00:00", "volume_gb": 8, "root_device": "/dev/xvda"}
    return Ami(**values | {"id": ident} | fields)


def plan_of(library, template, start, *, first_layer=1, **fields):
    """Return the plan of a launch; fields named ``request_…`` are the request's, ``parameters`` the template's."""
    compiled = compile_template(library, template, fields.pop("parameters", {}), architecture="x86_64")
    asked = {key.removeprefix("request_"): fields.pop(key) for key in list(fields) if key.startswith("request_")}
    asked.setdefault("name", "mine")
    total = len(compiled.recipe.layers)
    comparison = Comparison(ami=None, hybrid=None, script=None, copy=None, instance_type="t3.large", usd_hour=None)
    resolution = Resolution(
        template=template,
        region=REGION,
        architecture="x86_64",
        strategy="ami_preferred",
        fallback="cross_region",
        total_layers=total,
        chosen=None,
        method="failed",
    )
    values = {
        "request": LaunchRequest(resolve=ResolveRequest(template=template), **asked),
        "recipe": compiled.recipe,
        "resolution": resolution,
        "way": "ami" if first_layer > total else "script" if first_layer == 1 else "hybrid",
        "reason": "a test",
        "start": start,
        "first_layer": first_layer,
        "instance_types": ("t3.large",),
        "volume_gb": 0,
        "ports": (),
        "services": (),
        "ssh_user": "admin",
        "comparison": comparison,
    }
    return LaunchPlan(**values | fields)


def run_info(ident="20261123T000000-abcdef", account="aws"):
    """Return what a launch writes down of itself."""
    now = datetime.now(UTC)
    return RunInfo(
        id=ident,
        verb="launch",
        subject="mine",
        account=account,
        region=REGION,
        started=now.isoformat(timespec="seconds"),
        expires=(now + timedelta(hours=1)).isoformat(timespec="seconds"),
    )
