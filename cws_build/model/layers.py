"""From templates to layers: which role does what the YAML asks for, in which order.

The order puts what is large and changes seldom first, so that a small change leaves a long prefix in place::

    base · apt or dnf · conda · spack · pip · users · research_user · desktop · files
         · services (known by name) · user_data · post_install · services (others) · idle_detection

Services whose software a role can install come before the template's own scripts, which may talk to them;
all other services come after, because it is those scripts (or packages) that bring their units along.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from cws_build.model.recipe import LayerSpec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cws_build.model.base import Base
    from cws_build.model.template import Template
    from cws_build.model.template_parts import FileSource, Service, User

VENV = "/opt/cws/python"
"""Where pip packages go when the template does not use conda."""

CONDA = "/opt/miniforge"
"""Where conda lives; pip packages of a template that uses conda go there too."""

_KNOWN = re.compile(
    r"(jupyter|jupyterlab|jupyter-lab|jupyter-notebook|jupyter-server|rstudio|rstudio-server|shiny|shiny-server"
    r"|code-server|streamlit(-.*)?|mlflow)$"
)
_DESKTOP = {"dcv", "all", "both", "desktop", "vnc", "rdp"}
_REDHAT_USERS = {"ec2-user", "rocky", "cloud-user"}


def layers_of(lineage: Sequence[Template], base: Base, architecture: str) -> tuple[LayerSpec, ...]:
    """Compile templates to layers: the first parent's, then each further one's, the template's own last.

    A parent's layers come out as in the parent's own recipe, so a child's bake can start from the parent's
    image. A layer that says exactly what an earlier one said is not repeated.

    Args:
        lineage: Parents first, the template itself last, parameters already filled in.
        base: The base of the template itself.
        architecture: ``x86_64`` or ``arm64``.
    """
    specs = [LayerSpec(name="base", role="base", variables={}, template="")]
    seen: list[tuple[str, dict[str, Any]]] = [("base", {})]
    for depth, template in enumerate(lineage):
        for role, variables in _own_layers(lineage[: depth + 1], base, architecture):
            if (role, variables) in seen:
                continue
            seen.append((role, variables))
            name = _unique(role, template.short_name, {spec.name for spec in specs})
            specs.append(LayerSpec(name=name, role=role, variables=variables, template=template.short_name))
    return tuple(specs)


def _own_layers(lineage: Sequence[Template], base: Base, architecture: str) -> list[tuple[str, dict[str, Any]]]:
    template = lineage[-1]
    environment = CONDA if any(t.package_manager == "conda" or t.packages.conda for t in lineage) else VENV
    known = [service for service in template.services if _KNOWN.match(service.name)]
    others = [service for service in template.services if not _KNOWN.match(service.name)]
    scripts = _scripts(template)
    candidates = [
        _system_packages(lineage, base),
        ("conda", {"conda_packages": list(template.packages.conda)}),
        ("spack", {"spack_packages": list(template.packages.spack)}),
        ("pip", {"pip_packages": list(template.packages.pip), "pip_environment": environment}),
        ("users", {"users_list": [_user(user) for user in template.users]}),
        _research_user(template),
        _desktop(template),
        ("files", {"files_list": _files(template, architecture)}),
        _services(known, lineage, environment),
        *[("user_data", {"user_data_script": script}) for script in scripts],
        ("post_install", {"post_install_script": template.post_install}),
        _services(others, lineage, environment),
        _idle_detection(template),
    ]
    return [(role, variables) for role, variables in candidates if _asks_for_something(variables)]


def _asks_for_something(variables: dict[str, Any]) -> bool:
    """Tell a layer with work to do by its first variable: the list, the script or the switch it is about."""
    first = next(iter(variables.values()), None)
    return bool(first.strip()) if isinstance(first, str) else bool(first)


def _unique(role: str, slug: str, taken: set[str]) -> str:
    names = [role, f"{role}@{slug}", *(f"{role}@{slug}.{count}" for count in range(2, 99))]
    return next(name for name in names if name not in taken)


def _system_packages(lineage: Sequence[Template], base: Base) -> tuple[str, dict[str, Any]]:
    role = "dnf" if _family(lineage, base) == "redhat" else "apt"
    return role, {f"{role}_packages": list(lineage[-1].packages.system)}


def _family(lineage: Sequence[Template], base: Base) -> str:
    """Tell the package family; an image of somebody else's shows it only by its login user."""
    if base.family != "ami":
        return base.family
    configs = [t.ami_config for t in lineage if t.ami_config]
    return "redhat" if configs and configs[-1].ssh_user in _REDHAT_USERS else "debian"


def _user(user: User) -> dict[str, Any]:
    return {"name": user.name, "groups": list(user.groups), "shell": user.shell or "/bin/bash"}


def _files(template: Template, architecture: str) -> list[dict[str, Any]]:
    return [_file(file) for file in template.files if _fits(file.only_if, architecture)]


def _file(file: FileSource) -> dict[str, Any]:
    """Fill in what the format promises of a file that does not say: it is required, and it is checked."""
    owner = file.owner or "root"
    return {
        "s3_bucket": file.s3_bucket,
        "s3_key": file.s3_key,
        "destination_path": file.destination_path,
        "owner": owner,
        "group": file.group or owner,
        "permissions": file.permissions or "0644",
        "checksum": file.checksum is not False,
        "required": file.required is not False,
        "auto_cleanup": bool(file.auto_cleanup),
        "description": file.description,
    }


def _fits(condition: str, architecture: str) -> bool:
    """Evaluate ``only_if``: it can only speak of the architecture, by naming one."""
    named = [arch for arch in ("x86_64", "arm64") if arch in condition]
    return not named or (architecture in named) != ("!=" in condition)


def _scripts(template: Template) -> list[str]:
    config = template.ami_config
    return [template.user_data, *([config.user_data_script] if config else [])]


def _services(services: Sequence[Service], lineage: Sequence[Template], environment: str) -> tuple[str, dict[str, Any]]:
    users = [user.name for template in lineage for user in template.users]
    wanted = [
        {
            "name": service.name,
            "port": service.port or 0,
            "config": list(service.config),
            "enable": service.enabled,
        }
        for service in services
    ]
    return "services", {
        "services_list": wanted,
        "services_user": users[0] if users else "",
        "services_environment": environment,
    }


def _desktop(template: Template) -> tuple[str, dict[str, Any]]:
    kind = template.connection_type
    return "desktop", {"desktop_connection_type": kind if kind in _DESKTOP else ""}


def _research_user(template: Template) -> tuple[str, dict[str, Any]]:
    wanted = template.research_user
    if not wanted or not wanted.auto_create:
        return "research_user", {}
    together = wanted.user_integration
    return "research_user", {
        "research_user_name": (together.primary_user if together else "") or "researcher",
        "research_user_default_shell": wanted.default_shell or "/bin/bash",
        "research_user_default_groups": list(wanted.default_groups),
        "research_user_default_environment": wanted.default_environment,
        "research_user_require_efs": bool(wanted.require_efs),
        "research_user_efs_mount_point": wanted.efs_mount_point,
        "research_user_efs_home_subdirectory": wanted.efs_home_subdirectory,
        "research_user_install_ssh_keys": bool(wanted.install_ssh_keys),
        "research_user_shared_directories": list(together.shared_directories) if together else [],
        "research_user_service_ownership": together.service_ownership if together else {},
    }


def _idle_detection(template: Template) -> tuple[str, dict[str, Any]]:
    wanted = template.idle_detection
    if not wanted or not wanted.enabled:
        return "idle_detection", {}
    # A template that asks for it without saying when means the thresholds that most templates state.
    return "idle_detection", {
        "idle_detection_idle_threshold_minutes": wanted.idle_threshold_minutes or 15,
        "idle_detection_hibernate_threshold_minutes": wanted.hibernate_threshold_minutes or 30,
        "idle_detection_check_interval_minutes": wanted.check_interval_minutes or 5,
    }
