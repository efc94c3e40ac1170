#!/usr/bin/env bash
# Build the image with buildah, start its server as compose.yaml would, and chat with it.
#
# It needs no Docker engine and leaves nothing behind: images and data are kept in a temporary
# folder (some 3 GB; TMPDIR says where). The base image is pulled, or, on a machine that reaches
# no registry, made with debootstrap: Debian bookworm's python3 is a 3.11 too (its pg_dump is 15).
#
# The server has a read-only root, no capability, no new privileges, a user that is not root, and
# no network but its own loopback.
set -euo pipefail
cd "$(dirname "$0")/.."

base=docker.io/library/python:3.11-slim-trixie
image=localhost/langchain-memory-service:check
python=${PYTHON:-python3}

for tool in buildah unshare nsenter setpriv ip "$python"; do
    if ! command -v "$tool" > /dev/null; then
        echo "skipped: $tool is not installed"
        exit 0
    fi
done
# Without root, buildah gives us a user namespace in which we are.
[ "$(id -u)" = 0 ] || exec buildah unshare -- "$0" "$@"

# Works inside a container as well, where most others do not.
export BUILDAH_ISOLATION=${BUILDAH_ISOLATION:-chroot}
work=$(mktemp --directory "${TMPDIR:-/var/tmp}/image-check.XXXXXX")
buildah=(buildah --root "$work/storage" --runroot "$work/run")
[ -z "${STORAGE_DRIVER:-}" ] || buildah+=(--storage-driver "$STORAGE_DRIVER")
server=

clean() {
    [ -z "$server" ] || kill -KILL "$server" 2> /dev/null || true
    "${buildah[@]}" rm --all > /dev/null || true
    rm -rf --one-file-system "$work"
}
trap clean EXIT

fail() {
    echo "image-check: $*" >&2
    [ ! -f "$work/log" ] || tail -n 30 "$work/log" >&2
    exit 1
}

# --- the base image

make_base() {
    local root=$work/root container
    debootstrap --variant=minbase --include=python3,python3-venv bookworm "$root" \
        "${DEBIAN_MIRROR:-http://deb.debian.org/debian}" > "$work/log" 2>&1 \
        || fail "debootstrap failed"
    ln -s python3 "$root/usr/bin/python"
    rm -rf "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/*
    # As Debian's own images have it: apt keeps no index of its packages.
    echo 'Dir::Cache::pkgcache ""; Dir::Cache::srcpkgcache "";' \
        > "$root/etc/apt/apt.conf.d/docker-clean"
    container=$("${buildah[@]}" from scratch)
    "${buildah[@]}" add --quiet "$container" "$root" / > /dev/null
    "${buildah[@]}" commit --quiet --rm "$container" "$base" > /dev/null
    rm -rf "$root"
}

if ! timeout 300 "${buildah[@]}" pull --quiet "$base" > "$work/log" 2>&1; then
    if ! command -v debootstrap > /dev/null; then
        echo "skipped: $base cannot be pulled, and debootstrap, to make one, is not installed"
        exit 0
    fi
    echo "$base cannot be pulled: making one with debootstrap"
    make_base
fi

# --- the build, with this machine's package indexes and certificates

pip_option() { # what pip is told on this machine, by the environment or else by its files
    { "$python" -m pip config list 2> /dev/null || true; } | sed 's/\\n/ /g' \
        | sed -nE "s/^(:env:|global)\.$1='([^']*)'$/\2/p" | sed -n 1p
}

authority=${PIP_CERT:-$(pip_option cert)}
authority=${authority:-${SSL_CERT_FILE:-}}
given=(--secret "id=pip,src=$work/pip.conf")
{
    echo "[global]"
    for option in index-url extra-index-url find-links no-index trusted-host proxy; do
        value=$(pip_option "$option")
        [ -z "$value" ] || echo "$option = $value"
    done
    [ -z "$authority" ] || echo "cert = /run/secrets/ca"
} > "$work/pip.conf"
[ -z "$authority" ] || given+=(--secret "id=ca,src=$authority")
for place in $(pip_option find-links) $(pip_option index-url) $(pip_option extra-index-url); do
    folder=${place#file://}
    # The links of an index lead to files beside it.
    [ "$folder" = "$place" ] || folder=$(dirname "$folder")
    [ ! -d "$folder" ] || given+=(--volume "$folder:$folder:ro")
done

echo "building, which takes minutes"
SECONDS=0
# The OCI format has no health check.
"${buildah[@]}" bud --format docker --pull-never --network host --file docker/Dockerfile \
    --tag "$image" "${given[@]}" . > "$work/log" 2>&1 || fail "the build failed"
echo "built in $SECONDS s"
"${buildah[@]}" images "$image"

# --- the server

container=$("${buildah[@]}" from --pull-never "$image")
root=$("${buildah[@]}" mount "$container")
configured() { # the words of a field of the image's configuration, one a line
    "${buildah[@]}" inspect --type image \
        --format "{{range .Docker.Config.$1}}{{println .}}{{end}}" "$image" | grep .
}
readarray -t environment < <(configured Env)
readarray -t entrypoint < <(configured Entrypoint)
readarray -t arguments < <(configured Cmd)
arguments+=(--plain-http)
readarray -t health < <(configured Healthcheck.Test)
user=$("${buildah[@]}" inspect --type image --format '{{.Docker.Config.User}}' "$image")
uid=${user%:*}

for secret in etc/pip.conf run/secrets; do
    [ ! -e "$root/$secret" ] || fail "/$secret is left in the image"
done
[ "$uid" -gt 0 ] || fail "the image's user is root"
[ "${health[0]:-}" = CMD ] || fail "the image has no health check"
# For backup and restore on Postgres.
for program in pg_dump pg_restore; do
    chroot "$root" env --ignore-environment "${environment[@]}" "$program" --version \
        || fail "$program does not run"
done

# The volume, as an engine makes it: with the owner and the mode that the image says.
cp --archive "$root/data" "$work/data"

start() {
    # shellcheck disable=SC2016 # the inner shell expands them
    unshare --mount --net --propagation private bash -euc '
        root=$1 data=$2 user=$3
        shift 3
        mount --bind "$root" "$root"
        mount -o remount,bind,ro "$root"
        mount --bind "$data" "$root/data"
        mount -t tmpfs -o nosuid,nodev,noexec tmpfs "$root/tmp"
        for each in proc sys dev; do mount --rbind "/$each" "$root/$each"; done
        ip link set lo up
        exec chroot "$root" setpriv --reuid "${user%:*}" --regid "${user#*:}" --clear-groups \
            --no-new-privs --inh-caps=-all --bounding-set=-all \
            env --ignore-environment --chdir /data "$@"
    ' start "$root" "$work/data" "$user" \
        "${environment[@]}" "${entrypoint[@]}" "${arguments[@]}" > "$work/log" 2>&1 < /dev/null &
    server=$!
    SECONDS=0
    until ready; do
        kill -0 "$server" 2> /dev/null || fail "the server did not start"
        [ "$SECONDS" -lt 60 ] || fail "the server is not ready after a minute"
        sleep 0.2
    done
    echo "ready in $SECONDS s"
}

ready() { # whether the health check passes, inside, once the server has a network of its own
    [ "$(readlink "/proc/$server/ns/net")" != "$(readlink /proc/self/ns/net)" ] \
        && grep --quiet --fixed-strings memory-service "/proc/$server/cmdline" \
        && nsenter --target "$server" --net --root --wd -- \
            env --ignore-environment "${environment[@]}" "${health[@]:1}" 2> /dev/null
}

chat() { # KEY SESSION MESSAGE: prints the answer, as JSON; the client is this machine's
    nsenter --target "$server" --net -- "$python" - "$@" << 'END'
import json, sys
from urllib.request import ProxyHandler, Request, build_opener

key, session, message = sys.argv[1:]
body = json.dumps({"customer": "ada", "session": session, "message": message}).encode()
headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
request = Request("http://127.0.0.1:8000/v1/chat", body, headers)
print(build_opener(ProxyHandler({})).open(request, timeout=120).read().decode())
END
}

stop() {
    SECONDS=0
    kill -TERM "$server"
    while kill -0 "$server" 2> /dev/null; do
        [ "$SECONDS" -lt 15 ] || fail "the server does not stop"
        sleep 0.2
    done
    server=
}

start
status=$(< "/proc/$server/status")
for line in $'Uid:\t'"$uid"$'\t'"$uid" $'CapEff:\t0000000000000000' $'NoNewPrivs:\t1'; do
    grep --quiet --fixed-strings "$line" <<< "$status" || fail "the server does not run with $line"
done
mode=$(stat --format '%a %u' "$work/data/api-key") || fail "there is no file with the key"
[ "$mode" = "600 $uid" ] || fail "the key's file is not private: its mode and owner are $mode"
grep --quiet 'The key is in /data/api-key' "$work/log" || fail "the log does not say where the key is"

key=$(< "$work/data/api-key")
! chat wrong first Hello > /dev/null 2>&1 || fail "a wrong key was taken"
answer=$(chat "$key" first "My order number is 4417-XZ and it has not come yet.") \
    || fail "no answer to a message"
"$python" -c 'import json, sys
answer = json.loads(sys.argv[1])
assert answer["status"] == "complete" and answer["reply"].strip(), answer
print("answered:", answer["reply"])' "$answer"
stop

# What was said and the key are in the volume: another server goes on with them.
start
answer=$(chat "$key" second "What is my order number?") || fail "no answer after a restart"
"$python" -c 'import json, sys
answer = json.loads(sys.argv[1])
assert any("4417-XZ" in each["text"] for each in answer["recalled"]), answer
print("remembered after a restart:", answer["reply"])' "$answer"
stop

# Its own files, and what the model has read of conversations.
others=$(find "$work/data" -mindepth 1 ! -name api-key ! -name 'memory.db*' \
    ! -name states ! -path '*/states/*.state')
[ -z "$others" ] || fail "something else is in the volume: $others"
echo "image-check: passed"
