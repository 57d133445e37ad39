# build.sh PREFIX SPEC...: add the specs to the environment "cws" and build what is missing.
# The last line on stdout is "changed" or "unchanged".
set -euo pipefail
prefix=$1
shift
spack=$prefix/bin/spack
lock=$prefix/var/spack/environments/cws/spack.lock

built() { "$spack" find --format '{name}-{hash}' 2>/dev/null | sort; }

before=$(built || true)
if [[ ! -e $prefix/var/spack/environments/cws/spack.yaml ]]; then "$spack" env create cws; fi
for spec in "$@"; do "$spack" --env cws add "$spec"; done
if ! "$spack" --env cws install --fail-fast 2>&1; then
    echo "Spack could not build: $*" >&2
    exit 1
fi
[[ -e $lock ]]
if [[ $before == "$(built || true)" ]]; then echo unchanged; else echo changed; fi
