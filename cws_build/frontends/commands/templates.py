"""``cws-build templates``: list, show, validate, render, recipe, schema."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from cws_build.errors import InputError
from cws_build.frontends.options import global_options, key_values
from cws_build.frontends.table import counted
from cws_build.model.events import Notice
from cws_build.model.problem import Problem

if TYPE_CHECKING:
    import argparse

    from cws_build.catalog import Catalog
    from cws_build.frontends.invocation import Invocation


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the words behind this word."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", parser_class=type(parser))
    words = {
        "list": "list all templates",
        "show": "explain one template",
        "validate": "report every mistake of every file at once",
        "render": "write a folder in which Packer and Ansible can be run by hand",
        "recipe": "print the layers with their digests",
        "schema": "print the JSON Schema for editors",
    }
    parsers = {
        name: actions.add_parser(name, help=text, description=text, parents=[global_options()])
        for name, text in words.items()
    }
    parsers["validate"].add_argument("templates", nargs="*", metavar="T|FILE")
    parsers["validate"].add_argument("--strict", action="store_true", help="unknown keys are errors")
    for name in ("show", "render", "recipe"):
        parsers[name].add_argument("template", metavar="T", help="name, slug or file of a template")
    for name in ("render", "recipe"):
        parsers[name].add_argument("--param", action="append", default=[], metavar="K=V", help="value of a parameter")
        parsers[name].add_argument("--arch", default="", choices=["x86_64", "arm64"], help="architecture")
    parsers["render"].add_argument("--to", required=True, metavar="DIR", help="folder to write")


def run(invocation: Invocation) -> int:
    """Do what the second word says; without one, list."""
    actions = {
        "list": _list,
        "show": _show,
        "validate": _validate,
        "render": _render,
        "recipe": _recipe,
        "schema": _schema,
    }
    return actions[invocation.args.action or "list"](invocation)


def _catalog(invocation: Invocation, *, strict: bool = False) -> Catalog:
    from cws_build.catalog import Catalog

    return Catalog.load(invocation.context.library.parts("templates"), strict=strict)


def _list(invocation: Invocation) -> int:
    catalog = _catalog(invocation)
    values = [
        {
            "name": entry.template.name,
            "slug": entry.template.short_name,
            "version": entry.template.version,
            "base": entry.template.base,
            "description": entry.template.description,
            "file": str(entry.file),
        }
        for entry in catalog.entries
    ]
    rows = [f"{value['slug']:24} {value['version']:8} {value['base']:14} {value['description']}" for value in values]
    for problem in catalog.problems:
        if problem.severity == "error":
            invocation.context.emit(Notice(message=str(problem), level="warning"))
    invocation.result(values, "\n".join(rows) or "there are no templates")
    return 0


def _show(invocation: Invocation) -> int:
    from cws_build.model.inheritance import merge
    from cws_build.model.masking import masked
    from cws_build.model.template_secrets import secrets_of

    catalog = _catalog(invocation)
    template = merge(catalog.lineage(catalog.find(invocation.args.template)))
    lines = [f"{template.name} ({template.short_name}) {template.version}", template.description]
    lines += ["", template.long_description.strip()] if template.long_description else []
    lines += ["", f"base      {template.base}"]
    lines += [f"parent    {parent}" for parent in template.inherits]
    for kind in ("system", "conda", "spack", "pip"):
        names = getattr(template.packages, kind)
        lines += [f"{kind:9} {', '.join(names)}"] if names else []
    for service in template.services:
        lines.append(f"service   {service.name}" + (f" on port {service.port}" if service.port else ""))
    lines += [f"user      {user.name} ({', '.join(user.groups)})" for user in template.users]
    for name, parameter in template.parameters.items():
        choices = f", one of {', '.join(parameter.choices)}" if parameter.choices else ""
        lines.append(f"parameter {name} = {parameter.default}{choices}: {parameter.description}")
    secrets = secrets_of(template)
    invocation.result(masked(template, secrets), masked("\n".join(lines), secrets))
    return 0


def _validate(invocation: Invocation) -> int:
    args = invocation.args
    catalog = _catalog(invocation, strict=args.strict)
    if args.templates:
        problems = list(dict.fromkeys(p for name in args.templates for p in _problems_of(catalog, name)))
        count = len(args.templates)
    else:
        problems, count = list(catalog.problems), len(catalog.entries)
    errors = [problem for problem in problems if problem.severity == "error"]
    if errors:
        raise InputError(
            f"{counted(len(errors), 'mistake')} in {counted(len({problem.file for problem in errors}), 'file')}",
            hint="cws-build templates schema > schema.json, for an editor that shows them as you type",
            problems=problems,
        )
    lines = [f"warning: {problem}" for problem in problems]
    value = {"templates": count, "problems": problems}
    valid = f"{counted(count, 'template')} {'is' if count == 1 else 'are'}"
    invocation.result(value, "\n".join([*lines, f"{valid} valid, {counted(len(problems), 'warning')}"]))
    return 0


def _problems_of(catalog: Catalog, name: str) -> list[Problem]:
    """Return the problems of one template, its parents' included; one that is missing is a problem as well."""
    found: list[Problem] = []
    try:
        entry = catalog.find(name)
        found = [*entry.problems, *catalog.family_problems(entry)]
        catalog.lineage(entry)
    except InputError as error:
        told = any(problem.severity == "error" for problem in found)
        return found if told else [*found, *(error.problems or [Problem(name, 0, "", error.message, error.hint)])]
    return found


def _render(invocation: Invocation) -> int:
    from cws_build.actions.build_image import rendering_of
    from cws_build.actions.plan_bake import compile_for
    from cws_build.render import render

    ctx, folder = invocation.context, Path(invocation.args.to)
    compiled = compile_for(ctx, _request(invocation))
    workspace = render(rendering_of(ctx, compiled), ctx.library, folder)
    invocation.result({"folder": str(folder), "digest": compiled.recipe.digest}, f"packer build {workspace.packer}")
    return 0


def _recipe(invocation: Invocation) -> int:
    from cws_build.actions.plan_bake import compile_for
    from cws_build.model.masking import masked

    compiled = compile_for(invocation.context, _request(invocation))
    recipe = compiled.recipe
    head = f"{recipe.template} {recipe.version} {recipe.architecture} on {recipe.base}"
    rows = [f"  {layer.digest[:12]}  {layer.name}" for layer in recipe.layers]
    value = masked(recipe, compiled.secrets)
    invocation.result(value, "\n".join([head, f"  {recipe.root[:12]}  {recipe.base}", *rows]))
    return 0


def _request(invocation: Invocation):  # type: ignore[no-untyped-def]  # noqa: ANN202  imported where it is needed
    from cws_build.model.baking import BakeRequest

    args = invocation.args
    return BakeRequest(template=args.template, architecture=args.arch, parameters=key_values(args.param))


def _schema(invocation: Invocation) -> int:
    from cws_build.reader import json_schema

    invocation.document(json_schema())
    return 0
