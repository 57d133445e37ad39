"""The tier ``script``: no image of the environment, but the distribution image that its playbook starts from."""

from __future__ import annotations

from cws_build import Finding, Question, Tier, hookimpl


@hookimpl
def cws_resolution_tiers() -> list[Tier]:
    """Offer the tier, which is not local: it costs the time of the whole playbook."""
    return [Tier(name="script", rank=500, method="fallback_script", resolve=resolve, local=False)]


def resolve(question: Question) -> Finding:
    """Answer with the base image, which holds no layer."""
    return question.base_images()
