#!/usr/bin/env bash
# A Docker engine for the tests: the one that runs here, or one of their own.
#
#   engine.sh start FOLDER   when no engine answers: installs Debian's, if need be, and starts it with all
#                            that it has in FOLDER; its address is in FOLDER/host then. Exit code 1, and
#                            the reason on standard output, when none can run here.
#   engine.sh base IMAGE     makes IMAGE, a small Debian 12, when the engine neither has it nor can pull it
#   engine.sh stop FOLDER    stops the engine that start has started, if it has, and undoes what it did to
#                            the network of this machine
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

readonly start_seconds=30 stop_seconds=30 pull_seconds=60

no_engine() {
  printf '%s\n' "$*"
  exit 1
}

answers() { timeout 10 docker version --format '{{.Server.Version}}' >/dev/null 2>&1; }

install_engine() {
  local log=$1/install.log
  command -v apt-get >/dev/null || no_engine "no Docker engine answers, and there is no apt-get to install one"
  ./run setup engine >"$log" 2>&1 ||
    no_engine "no Docker engine answers, and Debian's could not be installed: $(tail -n 1 "$log")"
}

# What a Docker daemon changes outside its folders, so that stop can put it back.
remember_network() {
  local folder=$1
  cat /proc/sys/net/ipv4/ip_forward >"$folder/ip_forward"
  iptables -S FORWARD 2>/dev/null | head -n 1 >"$folder/forward_policy" || true
  ! ip link show docker0 >/dev/null 2>&1 || touch "$folder/had_docker0"
}

restore_network() {
  local folder=$1 policy
  # Those of another daemon, which does not run now.
  if [ ! -e "$folder/had_docker0" ]; then
    ip link delete docker0 2>/dev/null || true
    iptables-save 2>/dev/null | grep -v -i docker | iptables-restore 2>/dev/null || true
  fi
  policy=$(cat "$folder/forward_policy")
  # shellcheck disable=SC2086 # it is an option and its two arguments: -P FORWARD ACCEPT
  [ -z "$policy" ] || iptables $policy || true
  cat "$folder/ip_forward" >/proc/sys/net/ipv4/ip_forward
}

# Becomes the daemon; not for people to call.
daemon() {
  local folder=$1
  mount_cgroups
  exec dockerd --data-root "$folder/data" --exec-root "$folder/exec" --pidfile "$folder/dockerd.pid" \
    --host "unix://$folder/docker.sock" --log-level error
}

# Small machines come without: no systemd has mounted them.
mount_cgroups() {
  local controller
  [ ! -e /sys/fs/cgroup/cgroup.controllers ] && [ ! -e /sys/fs/cgroup/devices ] || return 0
  mount -t tmpfs -o mode=755 cgroup /sys/fs/cgroup
  while read -r controller; do
    mkdir "/sys/fs/cgroup/$controller"
    mount -t cgroup -o "$controller" cgroup "/sys/fs/cgroup/$controller" ||
      rmdir "/sys/fs/cgroup/$controller"
  done < <(awk '$4 == 1 { print $1 }' /proc/cgroups)
}

start() {
  local folder=$1 second
  ! answers || return 0
  [ -z "${DOCKER_HOST:-}" ] || no_engine "the Docker engine at DOCKER_HOST=$DOCKER_HOST does not answer"
  if ! command -v dockerd >/dev/null || ! command -v docker >/dev/null; then
    install_engine "$folder"
  fi
  # A package may have started it.
  ! answers || return 0
  [ "$(id -u)" -eq 0 ] || no_engine "no Docker engine answers, and starting one needs root"
  remember_network "$folder"
  touch "$folder/is_ours"
  # With mounts of its own, so that none outlives it.
  setsid unshare --mount --propagation slave tests/e2e/engine.sh daemon "$folder" \
    >"$folder/dockerd.log" 2>&1 </dev/null &
  printf '%s\n' "$!" >"$folder/session"
  for ((second = 0; second < start_seconds; second++)); do
    if DOCKER_HOST=unix://$folder/docker.sock answers; then
      printf 'unix://%s/docker.sock\n' "$folder" >"$folder/host"
      return 0
    fi
    kill -0 "$(cat "$folder/session")" 2>/dev/null || break
    sleep 1
  done
  local why
  why=$(tail -n 1 "$folder/dockerd.log")
  no_engine "no Docker engine answers, and dockerd does not start here: ${why:-it says nothing}"
}

# Containers would outlive their daemon, bridges too.
remove_containers() {
  timeout "$stop_seconds" docker ps --all --quiet | xargs -r timeout "$stop_seconds" docker rm --force >/dev/null
  timeout "$stop_seconds" docker network prune --force >/dev/null
}

stop() {
  local folder=$1 session second
  [ -e "$folder/is_ours" ] || return 0
  session=$(cat "$folder/session")
  if [ -e "$folder/host" ]; then
    DOCKER_HOST=$(cat "$folder/host") remove_containers || true
  fi
  kill "$session" 2>/dev/null || true
  for ((second = 0; second < stop_seconds; second++)); do
    kill -0 "$session" 2>/dev/null || break
    sleep 1
  done
  kill -KILL "$session" 2>/dev/null || true  # its containerd dies with it
  restore_network "$folder"
}

base() {
  local image=$1 folder
  ! docker image inspect "$image" >/dev/null 2>&1 || return 0
  ! timeout "$pull_seconds" docker pull --quiet "$image" >/dev/null 2>&1 || return 0
  command -v debootstrap >/dev/null || ./run setup engine
  folder=$(mktemp -d)
  # shellcheck disable=SC2064 # the folder's name is meant now
  trap "rm -rf --one-file-system '$folder'" EXIT
  debootstrap --variant=minbase bookworm "$folder/base" >"$folder/log" 2>&1 ||
    { tail -n 5 "$folder/log" >&2; exit 1; }
  local sources=$folder/base/etc/apt/sources.list
  sed -i 'p; s/ bookworm / bookworm-updates /p; s#/debian bookworm-updates#/debian-security bookworm-security#' \
    "$sources"
  rm -rf "$folder"/base/var/{cache/apt/*.bin,cache/apt/archives/*.deb,lib/apt/lists/*}
  tar -C "$folder/base" -c . | docker import - "$image" >/dev/null
}

[ $# -eq 2 ] || { sed -n '2,11s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2; exit 2; }
case $1 in
  start | stop | base | daemon) "$1" "$2" ;;
  *) printf 'error: there is no command %s\n' "$1" >&2; exit 2 ;;
esac
