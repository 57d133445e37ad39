"""The files that make a Debian tree a machine of the sandbox."""

from __future__ import annotations

from cws_build.sandbox.host import INSIDE

CLOUD_INIT = f"""\
datasource_list: [NoCloud]
datasource:
  NoCloud:
    seedfrom: {INSIDE}/seed/
network: {{config: disabled}}
preserve_hostname: true
manage_etc_hosts: false
ssh_genkeytypes: [ed25519, ecdsa]
cloud_init_modules: [bootcmd, write-files, ca-certs, users-groups, ssh]
cloud_config_modules: [set-passwords, timezone, runcmd]
cloud_final_modules: [package-update-upgrade-install, write-files-deferred, scripts-vendor, scripts-per-once,
  scripts-per-boot, scripts-per-instance, scripts-user, final-message]
"""
"""The modules left out would set up what podman does: hostname, hosts, network, disks."""

PAM = f"session optional pam_env.so envfile={INSIDE}/host/environment\n"
"""How a login and sudo learn of proxies, indexes and certificates; no such file, nothing happens."""

FILES = {
    "etc/cloud/cloud.cfg.d/90_sandbox.cfg": CLOUD_INIT,
    "etc/pam.d/sshd": PAM,
    "etc/pam.d/sudo": PAM,
    "etc/pam.d/su": PAM,
    # ssh answers as soon as keys are there: name lookups of the client's address can only cost time
    "etc/ssh/sshd_config.d/50-cloud.conf": "UseDNS no\nPasswordAuthentication no\n",
    # what the kernel or the host does for a container
    "etc/systemd/system/systemd-pstore.service.d/skip.conf": "[Unit]\nConditionVirtualization=!container\n",
}
"""Path -> content; what lies under ``etc/pam.d`` is appended."""


def login_files(login: str) -> dict[str, str]:
    """Return the files that make ``login`` the user whom a key pair is given to."""
    return {
        "etc/cloud/cloud.cfg.d/91_login.cfg": (
            "system_info:\n"
            "  default_user:\n"
            f"    name: {login}\n"
            f"    gecos: {login.capitalize()}\n"
            "    lock_passwd: true\n"
            "    groups: [adm, sudo]\n"
            '    sudo: ["ALL=(ALL) NOPASSWD:ALL"]\n'
            "    shell: /bin/bash\n"
        )
    }
