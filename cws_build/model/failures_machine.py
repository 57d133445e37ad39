"""Known failures of builders and tools, as data; `cws_build.model.failures` reads it.

The rows come from measured streams and from the trackers of Packer, its plugins and Ansible. What is said in
`cws_build.model.failures_cloud` about rows and hints counts here as well.
"""

from __future__ import annotations

from cws_build.model.failure_rows import Row

MACHINE_ROWS: tuple[Row, ...] = (
    # getting in
    Row(
        "host_key",
        r"no matching host key type found",
        "An old Packer's Ansible proxy offers a host key that OpenSSH no longer accepts.",
        "Set use_proxy = false in the Ansible provisioner, as cws-build templates render does",
    ),
    Row(
        "ssh_auth",
        r"unable to authenticate, attempted methods|Permission denied \(publickey|ssh: handshake failed.*auth",
        "The machine does not accept the key for this user.",
        "Check ami_config.ssh_user of the template; upstream Packer 1.6 also fails on RSA keys: cws-build doctor",
    ),
    Row(
        "ssh_timeout",
        r"Timeout waiting for SSH|timeout waiting for ssh",
        "The machine runs, but does not answer on its ssh port.",
        "Check that --subnet has a route to here, that bake.ssh_cidr holds this address, and bake.ssh_interface;"
        " without a route, session_manager is one of its values",
    ),
    Row(
        "ssm",
        r"Connection to destination port failed, check SSM Agent logs|TargetNotConnected|SessionManagerPlugin",
        "The session through Systems Manager failed.",
        "Install session-manager-plugin (cws-build doctor), and name an instance profile that allows"
        " AmazonSSMManagedInstanceCore in bake.iam_instance_profile",
    ),
    # at work
    Row(
        "disk_full_here",
        r"\bno space left on device",  # Go's words, so Packer's own; Ansible and what it runs begin with a capital
        "No space left on device: this computer's disk is full.",
        "df -h shows which disk is full; CWS_BUILD_STATE names another place for runs",
    ),
    Row(
        "disk_full",
        r"No space left on device|ENOSPC|Disk quota exceeded"
        r"|[Nn]ot enough free space|You don't have enough free space",
        "A disk is full.",
        "Raise the template's instance_defaults.root_volume_gb; if this machine's own disk is full, free some: df -h",
    ),
    Row(
        "memory",
        r"Cannot allocate memory|Out of memory: Killed|MemoryError|[Kk]illed process \d+",
        "The machine ran out of memory.",
        "Choose an --instance-type with more memory (settings: bake.instance_types)",
    ),
    Row(
        "plugin_missing",
        r"[Mm]issing plugins?|plugins? (?:.* )?(?:is|are) required, but not installed|packer init"
        r"|Unknown (?:source|provisioner|post-processor|builder) type|Failed to initialize (?:build|provisioner)",
        "Packer lacks a plugin.",
        "Install them with: packer plugins install github.com/hashicorp/amazon, and the same for ansible",
    ),
    Row(
        "old_packer",
        r"Unsupported block type|Unsupported argument",
        "This version of Packer does not know a part of the configuration.",
        "Render it again for this version with: cws-build templates render; see also: cws-build doctor",
    ),
    Row(
        "no_ansible",
        r'"?ansible-playbook"?: executable file not found|Error running .*ansible-playbook.*--version',
        "Packer does not find ansible-playbook.",
        "Install it beside cws-build with: pip install 'cws-build[ansible]'",
    ),
    Row(
        "package_lock",
        r"Could not get lock /var/lib/(?:dpkg|apt)|Unable to acquire the dpkg frontend lock",
        "Another process on the machine, mostly its own first update, holds the package database.",
        "Run the same command again",
    ),
    Row(
        "mirror",
        r"Temporary failure resolving|Could not resolve host|Failed to fetch http|Temporary failure in name resolution",
        "The machine cannot reach a package mirror.",
        "Look from the machine with --on-failure keep; or choose a --subnet that has a route to the mirror",
    ),
    Row(
        "no_package",
        r"Unable to locate package|No package matching|No match for argument",
        "The distribution has no package of that name.",
        "Correct the name in the template's packages: apt-cache search WORD or dnf search WORD finds it",
    ),
    Row(
        "unreachable",
        r"UNREACHABLE!|ansible.*(?:exit status|status:) 4\b|exit status 4\b",
        "Ansible lost the connection to the machine.",
        "Run the same command again; if it stays, look at the machine with --on-failure keep",
    ),
    Row(
        "task_failed",
        r"ansible.*(?:exit status|status:) 2\b|exit status 2\b|FAILED! =>",
        "A task of the playbook failed.",
        "Repair it and run the same command again: finished layers are kept; or look inside with --on-failure keep",
    ),
    Row(
        "interrupted",
        r"Cleanly cancelled builds after being interrupted|Build was cancelled",
        "The build was interrupted, and Packer removed what it had made.",
        "Run the same command again",
    ),
)
