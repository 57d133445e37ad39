"""The tier ``marketplace``, which asks every marketplace source, and the source for AWS Marketplace."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from cws_build import (
    Candidate,
    CwsError,
    Finding,
    ImageQuery,
    Question,
    Rejected,
    Source,
    Tier,
    best_first,
    hookimpl,
    judge,
    satisfies,
    version_of,
)

if TYPE_CHECKING:
    from cws_build import Ami

_LINK = "https://aws.amazon.com/marketplace/pp?sku={}"
"""Where a product is subscribed to, as EC2's own refusal has it."""
_EXACT = re.compile(r"=?=?\s*v?(\d+(?:\.\d+)*)")


@hookimpl
def cws_resolution_tiers() -> list[Tier]:
    """Offer the tier."""
    return [Tier(name="marketplace", rank=300, method="marketplace", resolve=resolve)]


@hookimpl
def cws_marketplace_sources() -> list[Source]:
    """Offer AWS Marketplace."""
    return [Source(name="aws", search=search_aws)]


def resolve(question: Question) -> Finding:
    """Ask all sources."""
    return question.marketplace()


def search_aws(question: Question) -> Finding:
    """Find a product's image: by the public parameter that names it, else by owner and product code.

    EC2 shows the images of all products to everybody and tells only at launch who has subscribed, so an image is
    offered with the link, unless the account's agreements say that there is none for the product.
    """
    product, constraint = _wanted(question)
    if not product:
        return Finding(reason="the template names no marketplace product")
    alias = _by_alias(question, product, constraint)
    found = alias if alias and not _unfit(alias[0], constraint) else [*alias, *_by_code(question, product)]
    judged = [_weigh(ami, question, constraint) for ami in {ami.id: ami for ami in found}.values()]
    best = best_first([one for one in judged if isinstance(one, Candidate)], question.now)
    rejected = tuple(one for one in judged if isinstance(one, Rejected))
    if not best:
        return Finding(rejected=rejected, reason=_nothing(question, product, constraint, found))
    return _subscribed(question, product, best, rejected)


def _wanted(question: Question) -> tuple[str, str]:
    config = question.template.ami_config
    search = config.marketplace_search if config else None
    return (search.product_code, search.version_constraint) if search else ("", "")


def _by_alias(question: Question, product: str, constraint: str) -> list[Ami]:
    """Return the image that AWS's own parameter names: the version where one is wanted exactly, else the latest."""
    exact = _EXACT.fullmatch(constraint.strip())
    ident = question.parameter(f"/aws/service/marketplace/{product}/{exact.group(1) if exact else 'latest'}")
    if not ident:
        return []
    try:
        return question.images(ImageQuery(ids=(ident,), states=()))
    except CwsError as error:
        if not str(error.details.get("aws_code", "")).startswith("InvalidAMIID"):
            raise
        return []


def _by_code(question: Question, product: str) -> list[Ami]:
    """Return all images of a product; images bear its code, not its id, which begins with ``prod-``."""
    if product.startswith("prod-"):
        return []
    return question.images(ImageQuery(owners=("aws-marketplace",), product_codes=(product,), deprecated=True))


def _unfit(ami: Ami, constraint: str) -> str:
    try:
        fits = satisfies(version_of(ami), constraint)
    except ValueError as error:
        return str(error)
    stated = version_of(ami)
    return "" if fits else f"{ami.id} is {f'version {stated}' if stated else 'of no version'}, wanted is {constraint}"


def _weigh(ami: Ami, question: Question, constraint: str) -> Candidate | Rejected:
    unfit = _unfit(ami, constraint)
    return Rejected(ami_id=ami.id, why="wrong_version", reason=unfit) if unfit else judge(ami, question)


def _nothing(question: Question, product: str, constraint: str, found: list[Ami]) -> str:
    if found:
        return f"none of the {len(found)} images of the product {product} will do"
    version = f" {constraint}" if constraint else ""
    return f"the marketplace has no image of the product {product}{version} in {question.region}"


def _subscribed(question: Question, product: str, best: list[Candidate], rejected: tuple[Rejected, ...]) -> Finding:
    link, known = _LINK.format(product), question.subscribed(product)
    if known is False:
        refused = tuple(
            Rejected(
                ami_id=one.ami.id,
                why="not_subscribed",
                reason=f"this account has not subscribed to {one.ami.name}: accept the terms at {link}",
            )
            for one in best
        )
        return Finding(rejected=(*refused, *rejected), reason=f"subscribe first, at {link}")
    told = "the account has subscribed" if known else f"only its launch tells whether the account subscribed, at {link}"
    return Finding(candidates=tuple(best), rejected=rejected, reason=f"{best[0].ami.id} is of the marketplace; {told}")
