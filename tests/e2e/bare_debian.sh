#!/usr/bin/env bash
# Proves the two commands on a bare Debian 12: a debootstrap'd minbase system with nothing but git and
# ca-certificates, a clean clone of HEAD, then the commands given (default: ./run demo and ./run test), each
# timed. Runs in mount and PID namespaces of its own, so nothing it starts outlives it. Needs root and
# debootstrap; takes as long as installing and building takes.
#
#   tests/e2e/bare_debian.sh [--keep FOLDER] [COMMAND...]
set -euo pipefail

repository=$(git -C "$(dirname "${BASH_SOURCE[0]}")" rev-parse --show-toplevel)
folder=
if [ "${1:-}" = --keep ]; then
  folder=${2:?--keep needs a folder}
  shift 2
fi
commands=("$@")
[ ${#commands[@]} -eq 0 ] && commands=('./run demo' './run test')

if [ -z "$folder" ]; then
  folder=$(mktemp -d)
  trap 'rm -rf --one-file-system "$folder"' EXIT
fi
if [ ! -e "$folder/etc/debian_version" ]; then
  debootstrap --variant=minbase --include=git,ca-certificates bookworm "$folder" >"$folder.log" 2>&1 ||
    { tail -n 20 "$folder.log" >&2; exit 1; }
  rm -f "$folder.log"
fi
# Whatever certificates this machine trusts, so that a proxy in the way is no obstacle.
cp -L /etc/ssl/certs/ca-certificates.crt "$folder/etc/ssl/certs/ca-certificates.crt"
cp -L /etc/resolv.conf "$folder/etc/resolv.conf"
rm -rf "$folder/srv/isopop"
git clone --quiet "$repository" "$folder/srv/isopop"

for command in "${commands[@]}"; do
  printf '=== bare Debian: %s\n' "$command"
  started=$(date +%s)
  # shellcheck disable=SC2016 # expanded inside
  unshare --mount --pid --fork --kill-child sh -c '
    mount -t proc proc "$1/proc" &&
    mount --rbind /dev "$1/dev" &&
    mount -t tmpfs tmpfs "$1/tmp" &&
    exec chroot "$1" /usr/bin/env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 \
      NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt sh -c "cd /srv/isopop && $2"' \
    sh "$folder" "$command" </dev/null
  printf '=== %s: %s s\n' "$command" "$(($(date +%s) - started))"
done
