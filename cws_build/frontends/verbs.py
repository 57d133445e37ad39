"""Every word of the command line, in one table: what `--help` shows, and where each word lives."""

from __future__ import annotations

from typing import NamedTuple


class Verb(NamedTuple):
    """One word, and the module in `cws_build.frontends.commands` that speaks for it."""

    name: str
    summary: str
    module: str


VERBS = (
    Verb("bake", "make an image of a template, or reuse the one that exists", "bake"),
    Verb("templates", "list, explain, check and render templates", "templates"),
    Verb("reap", "find and remove what crashed runs left behind", "reap"),
    Verb("sandbox", "the cloud in a box: up, down, status, reset, fault", "sandbox"),
    Verb("plugins", "list what is loaded and from where", "plugins"),
    Verb("doctor", "check the tools that cws-build drives, with the fix for each", "doctor"),
    Verb("config", "show the settings in force", "config"),
)
