#!/bin/bash
# On each boot: CWS_KEYS gives the user CWS_USER the SSH keys that the launch gave to the machine's login users;
# CWS_MOUNT, once it is mounted, holds the user's folder CWS_HOMES/CWS_USER, which appears in the home as "efs".
set -euo pipefail
home=$(getent passwd "$CWS_USER" | cut -d: -f6)
group=$(id -g "$CWS_USER")

give_keys() {
    local keys=$home/.ssh/authorized_keys
    install -d -m 0700 -o "$CWS_USER" -g "$group" "$home/.ssh"
    # Options before a key, such as those that keep root out, are not for this user.
    while IFS=: read -r name _ uid _ _ other _; do
        if [[ $name == root || $uid -ge 1000 ]] && [[ $other != "$home" && -r $other/.ssh/authorized_keys ]]; then
            grep -oE '(ssh-|ecdsa-|sk-)[^ ]+ AAAA.*$' "$other/.ssh/authorized_keys" || true
        fi
    done < <(getent passwd) | cat - <(cat "$keys" 2>/dev/null) | awk '!seen[$2]++' >"$keys.new"
    install -m 0600 -o "$CWS_USER" -g "$group" "$keys.new" "$keys"
    rm -f "$keys.new"
}

give_home() {
    if ! mountpoint -q "$CWS_MOUNT"; then
        echo "$CWS_MOUNT is not mounted: $CWS_USER keeps its data on this machine's own disk"
        return
    fi
    install -d -m 0755 "$CWS_MOUNT/$CWS_HOMES"
    install -d -m 0700 -o "$CWS_USER" -g "$group" "$CWS_MOUNT/$CWS_HOMES/$CWS_USER"
    ln -sfn "$CWS_MOUNT/$CWS_HOMES/$CWS_USER" "$home/efs"
}

if [[ -n ${CWS_KEYS:-} ]]; then give_keys; fi
if [[ -n ${CWS_MOUNT:-} ]]; then give_home; fi
