# Removes from the machine it runs on whatever belongs to this one machine or to the bake. Reads nothing, asks nothing.
# The order matters: first what may fail, last what closes the door.
set -euo pipefail
shopt -s nullglob dotglob

# root, and everybody who may log in, with their homes
homes=(/root)
while IFS=: read -r _ _ uid _ _ home _; do
    if ((uid >= 1000 && uid < 65000)) && [[ -d $home && $home != / ]]; then homes+=("$home"); fi
done < <(getent passwd)

systemctl enable cws-ssh-host-keys.service

# Caches of package managers
if command -v apt-get >/dev/null; then
    apt-get clean
    find /var/lib/apt/lists -mindepth 1 -not -name lock -not -name partial -delete
    rm -f /var/lib/apt/periodic/*
    # An empty index that looks fresh would keep the next bake from refreshing it.
    touch -d @0 /var/lib/apt/lists
fi
if command -v dnf >/dev/null; then dnf clean all; fi
rm -rf /var/cache/cws-build /var/cache/dnf/* /var/cache/yum/*
for home in "${homes[@]}"; do rm -rf "$home"/.cache/{pip,uv,conda} "$home"/.conda/pkgs; done

# The state of cloud-init, so that the next boot is a first boot
if command -v cloud-init >/dev/null; then cloud-init clean --logs; fi
rm -rf /var/lib/cloud/{data,instance,instances,sem,scripts/per-instance} /run/cloud-init/instance-data*.json

# Leases and identities
rm -f /var/lib/dhcp/* /var/lib/dhclient/* /var/lib/NetworkManager/*.lease /var/lib/NetworkManager/secret_key
rm -f /var/lib/systemd/network/* /etc/udev/rules.d/70-persistent-net.rules
rm -rf /var/lib/amazon/ssm/{i-*,mi-*,Vault,registration}
: >/etc/machine-id
if [[ -e /var/lib/dbus/machine-id && ! -L /var/lib/dbus/machine-id ]]; then
    ln -sf /etc/machine-id /var/lib/dbus/machine-id
fi
# Stopping the unit saves a seed, and shutting down would do it again.
systemctl stop systemd-random-seed.service || true
rm -f /var/lib/systemd/random-seed /var/lib/urandom/random-seed /var/lib/systemd/credential.secret

# Secrets that services made for themselves on their first start
for home in "${homes[@]}"; do
    rm -rf "$home"/.local/share/jupyter/{runtime,jupyter_cookie_secret,notebook_secret,notebook_signatures.db}
    rm -f "$home"/.config/code-server/cws-password
done
rm -f /var/lib/rstudio-server/secure-cookie-key /etc/rstudio/secure-cookie-key
if [[ -e /etc/systemd/system/xrdp.service.d/50-cws.conf ]]; then
    # The drop-in makes new ones.
    rm -f /etc/xrdp/rsakeys.ini /etc/ssl/private/ssl-cert-snakeoil.key
fi

# Logs
journalctl --rotate --vacuum-time=1s >/dev/null 2>&1 || true
rm -rf /var/log/journal/*/
find /var/log -type f \( -name '*.gz' -o -name '*.xz' -o -name '*.old' -o -regex '.*\.[0-9]+' \) -delete
find /var/log -type f -exec truncate --size 0 {} +
# The end of a session and the shutdown are recorded in wtmp, if it is there. So it goes, where systemd-tmpfiles
# makes it anew on the next boot; elsewhere the record of the shutdown stays.
for log in wtmp btmp lastlog; do
    if grep --no-messages --quiet "^f[^ ]* */var/log/$log " /{usr/lib,etc}/tmpfiles.d/*.conf /dev/null; then
        rm -f "/var/log/$log"
    fi
done
# What newer distributions have instead
rm -f /var/lib/lastlog/* /var/lib/wtmpdb/*

# Files of the moment. Ansible's payload and the private folders of running services are still in use.
find /tmp /var/tmp -mindepth 1 -maxdepth 1 -not -name 'ansible*' -not -name 'systemd-private-*' -exec rm -rf {} +
rm -rf /var/crash/* /var/lib/systemd/coredump/*

# The doors of the bake, and the traces of those who came through them
for home in "${homes[@]}"; do
    rm -f "$home"/.ssh/authorized_keys{,2} "$home"/.ssh/known_hosts{,.old}
    rm -f "$home"/.{bash,zsh,sh,python,psql,sqlite,mysql,node_repl}_history "$home"/.{lesshst,viminfo,wget-hsts,Rhistory}
    rm -f "$home"/.local/share/{fish/fish_history,recently-used.xbel}
    rm -rf "$home"/.ansible "$home"/.sudo_as_admin_successful
done
rm -rf /var/lib/sudo/{lectured,ts}/* /var/db/sudo/{lectured,ts}/*
rm -f /etc/ssh/ssh_host_*
sync
