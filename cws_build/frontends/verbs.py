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
    Verb("launch", "start a machine of a template, by the quickest honest way", "launch"),
    Verb("instances", "what was launched: list, show, ssh, stop, start, terminate", "instances"),
    Verb("bench", "measure a launch from an image against a launch by script", "bench"),
    Verb("resolve", "show which image a launch would use, and why", "resolve"),
    Verb("templates", "list, explain, check and render templates", "templates"),
    Verb("ami", "the life of images: create, copy, share, test, version, compare, retire", "ami"),
    Verb("regions", "list regions, and which one stands in for which", "regions"),
    Verb("prices", "show what machine types cost, and read newer prices", "prices"),
    Verb("calibrate", "learn times from the account's own snapshots", "calibrate"),
    Verb("updates", "what should be baked anew, and why", "updates"),
    Verb("communities", "groups of accounts that images are shared with", "communities"),
    Verb("store", "what the project remembers: status, rebuild", "store"),
    Verb("reap", "find and remove what crashed runs left behind", "reap"),
    Verb("sandbox", "the cloud in a box: up, down, status, reset, fault", "sandbox"),
    Verb("plugins", "list what is loaded and from where", "plugins"),
    Verb("doctor", "check the tools that cws-build drives, with the fix for each", "doctor"),
    Verb("config", "show the settings in force", "config"),
)
