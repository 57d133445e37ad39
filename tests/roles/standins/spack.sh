#!/bin/bash
# Stands in for Spack's own program, in a git repository: keeps an environment's specs and "builds" by writing names.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
environment=$root/var/spack/environments/cws
if [[ $1 == --env ]]; then shift 2; fi
case $1 in
    find) cat "$root/built" 2>/dev/null ;;
    env) mkdir -p "$environment" && touch "$environment/spack.yaml" ;;
    add) grep -qxF -- "$2" "$environment/spack.yaml" || echo "$2" >>"$environment/spack.yaml" ;;
    install) cp "$environment/spack.yaml" "$environment/spack.lock" && cp "$environment/spack.yaml" "$root/built" ;;
esac
