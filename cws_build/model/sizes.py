"""Which instance type: what fits, by price, and why everything else fell out."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from cws_build.model.prices import Price, TypeFacts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cws_build.model.prices import PriceBook
    from cws_build.model.template import Template

    Hourly = Callable[[str, str], Price | None]


class Need(NamedTuple):
    """The least that a size promises."""

    vcpus: int
    memory_gib: float


SIZES = {"XS": Need(1, 2), "S": Need(2, 4), "M": Need(2, 8), "L": Need(4, 16), "XL": Need(8, 32)}
"""What people ask for instead of an instance type."""
DEFAULT_SIZE = "M"
_PLAIN = re.compile(r"[cmrt]\d")
"""Families for general work; others (accelerators, storage, huge memory) are taken only when they are asked for."""
_GPU_FAMILY = re.compile(r"(g\d|gr\d|p\d)")
_GPU_WORDS = re.compile(
    r"(tensorflow-gpu|pytorch|\btorch\b|cuda|cudnn|nvidia|cupy|rapids|jaxlib?\[cuda)", re.IGNORECASE
)


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What a launch needs."""

    region: str
    architecture: str = ""
    """Empty: either, by price."""
    size: str = ""
    """One of `SIZES`; empty for ``M``."""
    families: tuple[str, ...] = ()
    """Preferred families, such as ``t4g``, in order; others come after them."""
    gpu: bool = False


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """A type that fits."""

    facts: TypeFacts
    price: Price | None
    """None where nobody can tell."""

    @property
    def instance_type(self) -> str:
        """Such as ``t3.large``."""
        return self.facts.name


class PassedOver(msgspec.Struct, frozen=True, kw_only=True):
    """A family that was preferred, or a size that was asked for, and does not do."""

    instance_type: str
    """The family; empty for a size."""
    reason: str


class Selection(msgspec.Struct, frozen=True, kw_only=True):
    """Types that fit, best first, and those that people may have expected instead."""

    choices: tuple[Choice, ...]
    passed: tuple[PassedOver, ...] = ()

    @property
    def instance_types(self) -> tuple[str, ...]:
        """The names of the choices, in the order in which to try them."""
        return tuple(choice.instance_type for choice in self.choices)


class Saving(msgspec.Struct, frozen=True, kw_only=True):
    """What arm64 saves on the cheapest fitting types; negative where it costs more."""

    x86_64: Choice
    arm64: Choice
    usd_hour: float
    percent: float


def choose(wanted: Wanted, book: PriceBook, hourly: Hourly | None = None) -> Selection:
    """Return the types that fit, cheapest first within each preferred family.

    Equal prices are decided for arm64, then the newer generation, then more memory, then by name. A price per
    hour says nothing of speed: a newer family may be dearer by the hour and cheaper for the work.

    Args:
        wanted: What is needed; an unknown size gives no choice, with the reason.
        book: What types there are, and where they are sold.
        hourly: Prices to use instead of the book's, such as those that a site has negotiated.
    """
    if wanted.size and wanted.size not in SIZES:
        reason = f"'{wanted.size}' is not a size: one of {', '.join(SIZES)}"
        return Selection(choices=(), passed=(PassedOver(instance_type="", reason=reason),))
    ask = hourly or book.price
    objections = {name: _objection(facts, wanted, book) for name, facts in book.types.items()}
    fit = [facts for name, facts in book.types.items() if not objections[name] and _is_usual(facts, wanted)]
    choices = [Choice(facts=facts, price=ask(facts.name, wanted.region)) for facts in fit]
    passed = tuple(_passed_families(wanted, book, objections))
    return Selection(choices=tuple(sorted(choices, key=lambda one: _order(one, wanted))), passed=passed)


def savings_arm64(wanted: Wanted, book: PriceBook, hourly: Hourly | None = None) -> Saving | None:
    """Compare the cheapest types of both architectures for the same need; None where one has no priced type.

    Preferred families are left aside: they are of one architecture.
    """
    both = []
    for architecture in ("x86_64", "arm64"):
        alike = msgspec.structs.replace(wanted, architecture=architecture, families=())
        both += [one for one in choose(alike, book, hourly).choices[:1] if one.price]
    if len(both) < 2:  # noqa: PLR2004  one of each architecture
        return None
    x86, arm = both
    if x86.price is None or arm.price is None:
        return None
    saved = x86.price.usd_hour - arm.price.usd_hour
    return Saving(x86_64=x86, arm64=arm, usd_hour=saved, percent=100 * saved / x86.price.usd_hour)


def asks_for_gpu(template: Template) -> bool:
    """Tell whether a template needs a GPU: its own instance type has one, or its packages name GPU software."""
    types = [template.instance_defaults.type]
    if template.ami_config:
        types += template.ami_config.instance_types.values()
    if any(_GPU_FAMILY.match(kind) for kind in types if kind):
        return True
    packages = template.packages
    names = [*packages.system, *packages.conda, *packages.pip, *packages.spack]
    return any(_GPU_WORDS.search(name) for name in names)


def own_type(template: Template, architecture: str) -> str:
    """Return the type that a template itself asks for on an architecture, empty where it names none that fits.

    ``instance_defaults.type`` has no architecture of its own, so it counts only where the caller finds it to fit.
    """
    config = template.ami_config
    named = {str(arch): kind for arch, kind in config.instance_types.items()} if config else {}
    return named.get(architecture) or template.instance_defaults.type


def _objection(facts: TypeFacts, wanted: Wanted, book: PriceBook) -> str:
    """Say why a type does not do; empty where it does."""
    need = SIZES[wanted.size or DEFAULT_SIZE]
    small = facts.vcpus < need.vcpus or facts.memory_gib < need.memory_gib
    return (
        _mismatch(facts, wanted)
        or (f"{facts.name} has {facts.vcpus} vCPU and {facts.memory_gib:g} GiB" if small else "")
        or (f"{facts.name} is a whole server" if facts.bare_metal else "")
        or ("" if bool(facts.gpus) == wanted.gpu else f"{facts.name} has {'a' if facts.gpus else 'no'} GPU")
        or _not_sold(facts, wanted, book)
    )


def _mismatch(facts: TypeFacts, wanted: Wanted) -> str:
    if wanted.architecture in {"", facts.architecture}:
        return ""
    return f"{facts.name} has processors of {facts.architecture}, the image is for {wanted.architecture}"


def _not_sold(facts: TypeFacts, wanted: Wanted, book: PriceBook) -> str:
    if wanted.region not in book.regions or book.offers(facts.name, wanted.region):
        return ""
    return f"{facts.name} is not sold in {wanted.region} (price list of {book.as_of[:10]})"


def _is_usual(facts: TypeFacts, wanted: Wanted) -> bool:
    """Tell whether a type may be taken unasked: of a current generation, and of a family for the purpose."""
    if facts.family in wanted.families:
        return True
    pattern = _GPU_FAMILY if wanted.gpu else _PLAIN
    return facts.current and bool(pattern.match(facts.family))


def _order(choice: Choice, wanted: Wanted) -> tuple[int, float, bool, int, float, str]:
    facts, families = choice.facts, wanted.families
    preferred = families.index(facts.family) if facts.family in families else len(families)
    usd = choice.price.usd_hour if choice.price else float("inf")
    return preferred, usd, facts.architecture != "arm64", -_generation(facts), -facts.memory_gib, facts.name


def _generation(facts: TypeFacts) -> int:
    found = re.search(r"\d+", facts.family)
    return int(found.group()) if found else 0


def _passed_families(wanted: Wanted, book: PriceBook, objections: dict[str, str]) -> Iterator[PassedOver]:
    """Explain each preferred family of which no type fits, by its largest type, which has the last excuse."""
    for family in wanted.families:
        members = [facts for facts in book.types.values() if facts.family == family]
        if not members:
            yield PassedOver(instance_type=family, reason=f"there is no family {family} in the price book")
        elif all(objections[facts.name] for facts in members):
            largest = max(members, key=lambda facts: (not facts.bare_metal, facts.vcpus, facts.name))
            yield PassedOver(instance_type=family, reason=objections[largest.name])
