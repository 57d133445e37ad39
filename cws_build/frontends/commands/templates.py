"""``cws-build templates``: list, show, validate, render, recipe, schema."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from cws_build.errors import InputError
from cws_build.frontends.options import global_options, key_values

if TYPE_CHECKING:
    import argparse

    from cws_build.catalog import Catalog
    from cws_build.frontends.invocation import Invocation
    from cws_build.model.problem import Problem


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
        parsers[name].add_argument("template", metavar="T")
        parsers[name].add_argument("--param", action="append", default=[], metavar="K=V")
        parsers[name].add_argument("--arch", default="", choices=["", "x86_64", "arm64"])
    parsers["render"].add_argument("--to", required=True, metavar="DIR")


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
    broken = [problem for problem in catalog.problems if problem.severity == "error"]
    rows += [f"! {problem}" for problem in broken]
    invocation.result(values, "\n".join(rows) or "there are no templates")
    return 0


def _show(invocation: Invocation) -> int:
    from cws_build.model.inheritance import merge

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
    invocation.result(template, "\n".join(lines))
    return 0


def _validate(invocation: Invocation) -> int:
    args = invocation.args
    problems: list[Problem] = []
    if not args.templates:
        catalog = _catalog(invocation, strict=args.strict)
        problems, count = list(catalog.problems), len(catalog.entries)
    else:
        for name in args.templates:
            problems += _problems_of(invocation, name)
        count = len(args.templates)
    errors = [problem for problem in problems if problem.severity == "error"]
    if errors:
        raise InputError(
            f"{len(errors)} mistakes in {len({problem.file for problem in errors})} files",
            hint="cws-build templates schema > schema.json, for an editor that shows them as you type",
            problems=problems,
        )
    lines = [f"warning: {problem}" for problem in problems]
    value = {"templates": count, "problems": problems}
    invocation.result(value, "\n".join([*lines, f"{count} templates are valid, {len(problems)} warnings"]))
    return 0


def _problems_of(invocation: Invocation, name: str) -> list[Problem]:
    """Return the problems of one template, its parents' included; a broken one raises them as an error."""
    catalog = _catalog(invocation, strict=invocation.args.strict)
    try:
        entry = catalog.find(name)
        catalog.lineage(entry)
    except InputError as error:
        if not error.problems:
            raise
        return list(error.problems)
    return list(entry.problems)


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

    recipe = compile_for(invocation.context, _request(invocation)).recipe
    head = f"{recipe.template} {recipe.version} {recipe.architecture} on {recipe.base}"
    rows = [f"  {layer.digest[:12]}  {layer.name}" for layer in recipe.layers]
    invocation.result(recipe, "\n".join([head, f"  {recipe.root[:12]}  {recipe.base}", *rows]))
    return 0


def _request(invocation: Invocation):  # type: ignore[no-untyped-def]  # noqa: ANN202  imported where it is needed
    from cws_build.model.baking import BakeRequest

    args = invocation.args
    return BakeRequest(template=args.template, architecture=args.arch, parameters=key_values(args.param))


def _schema(invocation: Invocation) -> int:
    from cws_build.reader import json_schema

    invocation.document(json_schema())
    return 0
