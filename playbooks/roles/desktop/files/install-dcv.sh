# Installs the server, its virtual sessions and its web client from the archive, and a session for each boot.
set -euo pipefail
folder=$(mktemp --directory)
trap 'rm -rf "$folder" /var/tmp/cws-dcv.tgz' EXIT
tar --extract --gzip --file /var/tmp/cws-dcv.tgz --directory "$folder" --strip-components 1
cd "$folder"
if command -v apt-get; then
    apt-get install --yes ./nice-dcv-server_*.deb ./nice-dcv-web-viewer_*.deb ./nice-xdcv_*.deb
else
    dnf install --assumeyes ./nice-dcv-server-*.rpm ./nice-dcv-web-viewer-*.rpm ./nice-xdcv-*.rpm
fi
cat >/etc/systemd/system/cws-dcv-session.service <<'UNIT'
[Unit]
Description=A desktop for the first login user
After=dcvserver.service cws-research-user.service
Requires=dcvserver.service

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/bash -c 'user=$(getent passwd | sort -t: -n -k3 | while IFS=: read -r name _ id _; do if ((id >= 1000 && id < 60000)); then echo "$name"; break; fi; done); exec dcv create-session --type virtual --owner "$user" --user "$user" desktop'

[Install]
WantedBy=multi-user.target
UNIT
systemctl daemon-reload
systemctl enable dcvserver.service cws-dcv-session.service
