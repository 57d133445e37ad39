"""Ways into the built-in tiers that their tests share: by the names that plugins offer, over an account in memory."""

from __future__ import annotations

import functools

from cws_build.library import Library
from cws_build.plugin_manager import Plugins

SHORT = "ami-0123abcd"
LONG = "ami-0123456789abcdef0"


@functools.cache
def plugins():
    """Return the built-in plugins."""
    return Plugins(Library())


def tier(name):
    """Return what a built-in tier answers questions with."""
    return next(one.resolve for one in plugins().tiers() if one.name == name)


def source(name):
    """Return what a built-in marketplace source answers questions with."""
    return next(one.search for one in plugins().sources() if one.name == name)


def check(name):
    """Return what a built-in check objects with."""
    return next(one.objection for one in plugins().checks() if one.name == name)


def ids(finding):
    """Return the ids of a finding's candidates, best first."""
    return [one.ami.id for one in finding.candidates]


def whys(finding):
    """Return why each other image fell out."""
    return {one.ami_id: one.why for one in finding.rejected}


def digest(question, layers):
    """Return the tags of an image that holds so many layers of a question's recipe."""
    return {"cws:digest": question.recipe.layers[layers - 1].digest, "cws:template": question.recipe.template}
