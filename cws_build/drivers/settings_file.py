"""``cws-build.toml``: the nearest one from the working folder upward, then the user's own."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING

import msgspec

from cws_build.errors import InputError
from cws_build.model.problem import did_you_mean
from cws_build.model.settings import BakeSettings, Settings
from cws_build.places import config_dir

if TYPE_CHECKING:
    from pathlib import Path

NAME = "cws-build.toml"


def find_settings(start: Path) -> Path | None:
    """Return the settings file that counts in a folder, None where there is none."""
    candidates = [folder / NAME for folder in (start, *start.parents)] + [config_dir() / NAME]
    return next((path for path in candidates if path.is_file()), None)


def read_settings(path: Path | None) -> Settings:
    """Read a settings file.

    Raises:
        InputError: It is not TOML, or says something that is not a setting.
    """
    if path is None:
        return Settings()
    try:
        return msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), Settings)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(f"{path}: {error}", hint='settings are TOML, such as: region = "eu-west-1"') from error
    except msgspec.ValidationError as error:
        raise InputError(f"{path}: {error}", hint=_hint(str(error))) from error


def _hint(message: str) -> str:
    word = message.split("`")[1] if "unknown field" in message else ""
    known = [*Settings.__struct_fields__, *BakeSettings.__struct_fields__]
    return did_you_mean(word, known) or "cws-build config show prints every setting"
