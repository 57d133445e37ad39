"""What was measured here: durations of bakes, launches and copies, read from the results that runs have kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from cws_build.model import priors
from cws_build.model.recipe import LayerSpec

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """One duration.

    ``key`` goes from the general to the special; measurements help an estimate the more, the longer the part of
    the key is that they share.
    """

    kind: str
    """``launch`` (a finished image until it answers), ``script``, ``layer``, ``bake``, ``create`` or ``copy``."""
    key: tuple[str, ...]
    seconds: float
    at: str
    """ISO 8601 UTC."""
    censored: bool = False
    """It was cut after so long: a lower bound."""
    failed: str = ""
    """The code of the error that cut it; empty where it went well, and where a person stopped it."""
    gb: float | None = None
    """GiB that were written, for `create` and `copy`."""
    expected: float | None = None
    """What such a thing usually takes; with it a measurement also helps things of another size."""
    calibrated: bool = False
    """Read from the account's snapshots instead of a run of ours."""


class CutRun(msgspec.Struct, frozen=True, kw_only=True):
    """What a run that failed, or was stopped, leaves for the estimates: it would have taken at least so long."""

    run: str
    cut: Measured


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """What an estimate is about."""

    template: str
    architecture: str
    digest: str
    """Of the whole recipe."""
    region: str = ""
    instance_type: str = ""

    @property
    def key(self) -> tuple[str, ...]:
        """The key under which its launches are measured."""
        return (self.template, self.architecture, self.digest, self.region, self.instance_type)


class History(msgspec.Struct, frozen=True, kw_only=True):
    """All measurements of one account, and the time at which they are looked at."""

    measured: tuple[Measured, ...] = ()
    now: str = ""
    """ISO 8601 UTC; empty: ages do not count."""
    sandbox: bool = False
    """The account is the sandbox, which is faster than AWS: their measurements never mix."""

    def of(self, kind: str) -> list[Measured]:
        """Return the measurements of one kind that can be true."""
        return [one for one in self.measured if one.kind == kind and one.seconds > 0]


def measured_from(ended: Iterable[tuple[Mapping[str, Any], str]], *, sandbox: bool = False) -> list[Measured]:
    """Read measurements from the results that runs have kept; a result that is not understood gives none.

    Args:
        ended: The results of an account's runs, each with when its run began, ISO 8601.
        sandbox: That account is the sandbox.
    """
    found: list[Measured] = []
    for result, at in ended:
        try:
            if "cut" in result:
                found.append(msgspec.structs.replace(msgspec.convert(result["cut"], Measured), at=at))
                continue
            found += _of_launch(result, at, sandbox=sandbox) if "ready_seconds" in result else _of_bake(result, at)
        except (LookupError, TypeError, ValueError, AttributeError):
            continue
    return found


def cut_bake(run: str, digest: str, held: int, seconds: float) -> CutRun:
    """Return the record of a bake that ended without an image.

    Args:
        run: Its id.
        digest: Of the recipe.
        held: How many layers the image held that it started from.
        seconds: How long it went on.
    """
    return CutRun(run=run, cut=Measured(kind="bake", key=(digest, str(held)), seconds=seconds, at="", censored=True))


def cut_launch(run: str, way: str, about: Subject, seconds: float, failed: str = "") -> CutRun:
    """Return the record of a launch that ended without an environment.

    Args:
        run: Its id.
        way: As the plan names it; only launches of a finished image and of the base image are learnt as a whole.
        about: Which launch.
        seconds: How long it went on.
        failed: The code of the error; empty where a person stopped it.
    """
    kind = {"ami": "launch", "script": "script"}.get(way, way)
    cut = Measured(kind=kind, key=about.key, seconds=seconds, at="", censored=True, failed=failed)
    return CutRun(run=run, cut=cut)


def _of_bake(result: Mapping[str, Any], at: str) -> Iterator[Measured]:
    if result["reused"]:
        return
    start = str(result["started_from"]["layers"])
    yield Measured(kind="bake", key=(result["digest"], start), seconds=float(result["seconds"]), at=at)
    for layer in result["layers"]:
        if layer["seconds"]:
            key = (layer["name"], layer["digest"])
            yield Measured(kind="layer", key=key, seconds=float(layer["seconds"]), at=at)


def _of_launch(result: Mapping[str, Any], at: str, *, sandbox: bool) -> Iterator[Measured]:
    plan, seconds = result["plan"], result["seconds"]
    recipe, copying = plan["recipe"], float(seconds.get("copy") or 0)
    copied = plan.get("copy")
    if copying and copied:
        key = (copied["source_region"], plan["resolution"]["region"])
        yield Measured(kind="copy", key=key, seconds=copying, at=at, gb=copied["gb"])
    yield from _layers_of_launch(recipe, seconds, at)
    kind = {"ami": "launch", "copy": "launch", "script": "script"}.get(plan["way"])
    if result["ready_seconds"] is None or result.get("fell_back") or kind is None:
        return
    yield Measured(
        kind=kind,
        key=(
            recipe["template"],
            recipe["architecture"],
            recipe["layers"][-1]["digest"],
            plan["resolution"]["region"],
            result["instance_type"],
        ),
        seconds=float(result["ready_seconds"]) - copying,
        at=at,
        expected=_usual(kind, recipe["layers"], sandbox=sandbox),
    )


def _layers_of_launch(recipe: Mapping[str, Any], seconds: Mapping[str, Any], at: str) -> Iterator[Measured]:
    """Yield layers whose own time stands among the phases, as ``layer:NAME``."""
    for layer in recipe["layers"]:
        spent = seconds.get(f"layer:{layer['name']}")
        if spent:
            yield Measured(kind="layer", key=(layer["name"], layer["digest"]), seconds=float(spent), at=at)


def _usual(kind: str, layers: Sequence[Mapping[str, Any]], *, sandbox: bool) -> float:
    """Return what such a launch of these layers usually takes."""
    specs = [LayerSpec(name=one["name"], role=one["role"], variables=one["variables"], template="") for one in layers]
    prior = priors.script if kind == "script" else priors.ready
    return prior(specs, sandbox=sandbox).seconds
