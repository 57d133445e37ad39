#!/bin/bash
# Stands in for the installer of Miniforge: lays out a prefix whose conda writes down how it was called.
# Arguments: -b -u -p PREFIX
set -euo pipefail
[[ $1 == -b && $2 == -u && $3 == -p ]]
mkdir -p "$4/bin"
cat >"$4/bin/conda" <<'CONDA'
#!/bin/bash
set -euo pipefail
prefix=$(dirname "$(dirname "$0")")
printf '%s\n' "$*" >>"$prefix/calls"
if [[ $1 == install ]]; then
    shift 5 # install --yes --quiet --name base
    for package in "$@"; do
        if ! grep -qxF -- "$package" "$prefix/installed" 2>/dev/null; then
            echo "$package" >>"$prefix/installed"
            new=yes
        fi
    done
    if [[ -z ${new:-} ]]; then echo "# All requested packages already installed."; fi
fi
CONDA
chmod +x "$4/bin/conda"
