#!/usr/bin/env bash
# Makes family.tar, and family.inspect.json with what the engine says of each image, with a real Docker Engine:
# scratch <- base:1 <- lang:3 <- app:1.0 <- app:1.1 (also app:latest).
# Text files only; app:1.1 changes a file and deletes a folder, so its layers hold a whiteout.
# use: build.sh [OUTFILE]     by default the file beside this script
# needs root and: apt-get install docker.io busybox-static
# The bytes differ from run to run in the times that the engine writes down, so the result is kept in the repository.
set -euo pipefail
for tool in dockerd busybox; do
    command -v $tool >/dev/null || { echo "build.sh: no $tool: see the packages above" >&2; exit 1; }
done
here=$(cd "$(dirname "$0")" && pwd); out=$(realpath "${1:-$here/family.tar}")
work=$(mktemp -d); export DOCKER_HOST=unix://$work/docker.sock DOCKER_BUILDKIT=0
dockerd --data-root "$work/data" --exec-root "$work/exec" --pidfile "$work/pid" -H "$DOCKER_HOST" \
        --iptables=false --bridge=none >"$work/log" 2>&1 &
daemon=$!
trap 'set +e; kill $daemon 2>/dev/null; wait $daemon 2>/dev/null; umount "$work"/exec/netns/* 2>/dev/null; rm -rf "$work"' EXIT
docker=/usr/bin/docker
for _ in $(seq 100); do $docker version >/dev/null 2>&1 && break; sleep 0.2; done

# A checkout has today's times and the user's mode bits; the images should not.
cp -r "$here/files" "$work/files"
mkdir -p "$work/files/lang/usr/share/lang" "$work/files/lang/usr/src/lang"
seq -f 'squares %.0f' 1 2000 >"$work/files/lang/usr/share/lang/table"
seq -f 'case %.0f: expect the same' 1 800 >"$work/files/lang/usr/src/lang/cases"
ln -s ../share/lang/main "$work/files/lang/usr/bin/lang"
chmod -R u=rwX,go=rX "$work/files" && chmod 755 "$work/files/lang/usr/share/lang/main" && chmod 600 "$work/files/base/etc/shadow"
find "$work/files" -exec touch -h -d '2026-01-02 03:04:05Z' {} +

for step in base:1 lang:3 app:1.0; do
    $docker build -q -t "$step" -f "$here/Dockerfile.${step%%:*}" "$work/files" >/dev/null
done
# No image of the family has a program in it: the one that deletes is lent for a moment. /dev is no part of a layer.
$docker run --name change --network none --user 0 -v /bin/busybox:/dev/busybox:ro --entrypoint /dev/busybox app:1.0 \
        rm -r /usr/src
$docker commit -m 'drop the sources' -a family -c 'ENTRYPOINT []' -c 'USER 1000:1000' change app:lean >/dev/null
$docker build -q -t app:1.1 -t app:latest -f "$here/Dockerfile.app-1.1" "$work/files" >/dev/null

$docker save -o "$out" base:1 lang:3 app:1.0 app:1.1 app:latest
$docker inspect base:1 lang:3 app:1.0 app:1.1 >"${out%.tar}.inspect.json"
chmod 644 "$out"; ls -l "${out%.tar}".*
