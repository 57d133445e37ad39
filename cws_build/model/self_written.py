"""What a running system writes by itself: the only changes on a machine that are not taken for somebody's work.

A pattern that ends with ``/`` stands for a folder and everything below it, any other one for that path alone; ``*`` for
anything but ``/``, ``**/`` for folders of any depth, ``~`` for each home. Whatever an image loses to ``sysprep``, or
its first boot writes anew, may stand here without harm: it says nothing of what machines of the image will be like.

Nothing may be added that people work in. A folder alone hides what was deleted from it and nothing else; so it stands
here only where systems make and remove files in it.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

Until = Literal["always", "logins", "first_boot"]
"""Up to when a path counts as the system's own: for ever, until people can log in, or until cloud-init is through."""


_MOMENT = ("/tmp/", "/var/tmp/", "/run/", "/dev/", "/proc/")  # noqa: S108  looked past, never written to


class Written(NamedTuple):
    """Paths that are written for one reason."""

    reason: str
    until: Until
    patterns: tuple[str, ...]


SELF_WRITTEN = (
    Written("of the moment, and gone from every image", "always", _MOMENT),
    Written(
        "logs, records of logins, crashes",
        "always",
        (
            *("/var/log/", "/var/crash/", "/var/lib/lastlog/", "/var/lib/wtmpdb/", "/var/lib/logrotate/"),
            *("/var/lib/sudo/ts/", "/var/lib/sudo/lectured/", "/var/lib/systemd/coredump/", "/var/lib/systemd/pstore/"),
            *("/var/spool/anacron/", "/var/lib/systemd/catalog/"),
        ),
    ),
    Written(
        "systemd's memory of seeds, clocks and timers",
        "always",
        (
            *("/var/lib/systemd", "/var/lib/systemd/random-seed", "/var/lib/systemd/credential.secret"),
            *("/var/lib/systemd/timers/", "/var/lib/systemd/timesync/", "/var/lib/systemd/network/"),
            *("/var/lib/systemd/rfkill/", "/var/lib/systemd/backlight/", "/var/lib/systemd/ephemeral-trees/"),
            *("/var/lib/private", "/var/lib/private/systemd/", "/var/lib/urandom/", "/etc/adjtime", "/etc/.updated"),
            *("/var/.updated", "/var/lib/chrony/", "/var/lib/ntp/", "/etc/.pwd.lock"),
        ),
    ),
    Written(
        "cloud-init's state, which sysprep resets",
        "always",
        (
            *("/var/lib/cloud", "/var/lib/cloud/data/", "/var/lib/cloud/instance", "/var/lib/cloud/instances/"),
            *("/var/lib/cloud/sem/", "/var/lib/cloud/handlers", "/var/lib/cloud/seed", "/var/lib/cloud/scripts"),
            *("/var/lib/cloud/scripts/per-instance/", "/var/lib/cloud/scripts/per-boot"),
            *("/var/lib/cloud/scripts/per-once", "/var/lib/cloud/scripts/vendor"),
        ),
    ),
    Written(
        "leases and addresses of the network",
        "always",
        (
            *("/etc/resolv.conf", "/var/lib/dhcp/", "/var/lib/dhclient/", "/var/lib/dhcpcd/"),
            *("/var/lib/NetworkManager/", "/var/lib/amazon/ssm/"),
        ),
    ),
    Written(
        "identities of one machine, which sysprep removes: machine id, host keys, secrets of services",
        "always",
        (
            *("/etc/machine-id", "/var/lib/dbus/machine-id", "/var/lib/dbus", "/etc/ssh", "/etc/ssh/ssh_host_*"),
            *("/etc/xrdp/rsakeys.ini", "/etc/ssl/private/ssl-cert-snakeoil.key", "/etc/rstudio/secure-cookie-key"),
            *("/var/lib/rstudio-server/secure-cookie-key", "~/.config/code-server/cws-password"),
            *("~/.ssh", "~/.ssh/authorized_keys"),
        ),
    ),
    Written(
        "lists and caches of package managers, which timers refresh; what is installed is found elsewhere",
        "always",
        (
            *("/var/lib/apt/lists/", "/var/lib/apt/periodic/", "/var/cache/", "/var/lib/dnf/", "/var/backups/"),
            *("/var/lib/command-not-found/", "/var/lib/update-notifier/", "/var/lib/ubuntu-advantage/"),
            *("/var/lib/PackageKit/", "/var/lib/fwupd/", "/var/lib/plocate/", "/var/lib/mlocate/"),
            *("/var/lib/snapd/state.json", "/var/lib/snapd", "**/__pycache__/"),
        ),
    ),
    Written(
        "caches and histories in homes, of which sysprep takes the most",
        "always",
        ("~/.cache/", "~/.bash_history", "~/.sudo_as_admin_successful", "~/.ansible/", "~/.lesshst", "~/.viminfo"),
    ),
    Written(
        "what Jupyter and the like keep while they run",
        "always",
        (
            # The folders alone: a server's first start makes these files in them.
            *("~/.jupyter", "~/.jupyter/migrated", "~/.local", "~/.local/share", "~/.local/share/jupyter"),
            *("~/.local/share/jupyter/runtime/", "~/.local/share/jupyter/jupyter_cookie_secret"),
            *("~/.local/share/jupyter/notebook_secret", "~/.local/share/jupyter/nbsignatures.db"),
            *("~/.local/share/jupyter/notebook_signatures.db", "~/.ipython/profile_default/security/"),
            *("~/.ipython/profile_default/pid/", "~/.ipython/profile_default/log/", "~/.local/share/code-server/logs/"),
            *("~/.local/share/code-server/heartbeat", "~/.local/share/code-server/coder-logs/"),
        ),
    ),
    Written("this program's own record", "always", ("/var/lib/cws-build/", "/var/cache/cws-build/")),
    Written(
        "the users, their keys and sudo rights that the first boot makes before anybody can log in",
        "logins",
        (
            *("/", "/etc", "/home", "/root", "~", "/var", "/var/lib", "/etc/hostname", "/etc/hosts"),
            *("/etc/passwd*", "/etc/shadow*", "/etc/group*", "/etc/gshadow*", "/etc/subuid*", "/etc/subgid*"),
            *("/etc/sudoers.d", "/etc/sudoers.d/90-cloud-init-users", "/etc/fstab", "/etc/netplan/"),
            *("/etc/network/", "/etc/sysconfig/network-scripts/", "/etc/NetworkManager/system-connections/"),
            *("/etc/systemd/network/", "/etc/udev/rules.d/", "/etc/ssh/sshd_config.d/50-cloud-init.conf"),
            *("/etc/ssh/sshd_config.d", "/etc/cloud/"),
        ),
    ),
    Written(
        "what the first boot configures while people can log in already",
        "first_boot",
        (
            *("/etc/apt/", "/etc/yum.repos.d/", "/etc/default", "/etc/default/locale", "/etc/locale.conf"),
            *("/etc/locale.gen", "/etc/timezone", "/etc/localtime", "/usr/lib/locale/locale-archive"),
            *("/etc/ca-certificates.conf", "/etc/landscape/", "/etc/chrony/", "/etc/chrony.conf"),
        ),
    ),
)


def patterns(until: Until) -> list[str]:
    """Return all patterns that count up to then."""
    return [pattern for group in SELF_WRITTEN if group.until == until for pattern in group.patterns]
