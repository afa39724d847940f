#!/usr/bin/env bash
# One Ceph RADOS gateway for tests: a real S3 store, all of it in one folder and in memory, up in about 2 s.
#
#   ceph.sh start DIR [PORT [ADDRESS]]   starts all; prints one line of JSON: endpoint, accessKeyId, secretAccessKey
#   ceph.sh stop DIR                     ends what start has started, by pid
#   ceph.sh gateway-down DIR             kill -9 of the gateway alone; the objects stay
#   ceph.sh gateway-up DIR               starts it again, and waits until it answers
#
# Needs: apt-get install --no-install-recommends radosgw ceph-mon ceph-osd ceph-common (Debian 12: Ceph 16.2, 63 MB).
set -euo pipefail
command=${1:?start, stop, gateway-down or gateway-up}
dir=$(mkdir -p "${2:?a folder}" && cd "$2" && pwd)
conf=$dir/ceph.conf
fsid=11111111-2222-3333-4444-555555555555

# end NAME SIGNAL: ends a daemon that this script started, and waits; kill -9 after 10 s.
end() {
  local file=$dir/$1.pid pid
  [ -s "$file" ] || return 0
  pid=$(<"$file")
  rm -f "$file"
  kill "-$2" "$pid" 2>/dev/null || return 0
  for _ in {1..100}; do
    kill -0 "$pid" 2>/dev/null || return 0
    sleep 0.1
  done
  kill -9 "$pid" 2>/dev/null || true
}

# ask COMMAND...: asks the monitor. On a loaded machine the client may send its first command before it knows the cluster ("fsid
# 00000000-... != ..."), which is refused with EPERM; each command here may be given twice.
ask() {
  for _ in {1..20}; do
    timeout 60 ceph -c "$conf" "$@" && return 0
    sleep 0.2
  done
  return 1
}

gateway() {
  radosgw -c "$conf" -n client.rgw.a --pid-file "$dir/rgw.pid"
  for _ in {1..600}; do
    (exec 3<>"/dev/tcp/$1/$2") 2>/dev/null && return 0
    sleep 0.1
  done
  echo 'The gateway did not start within a minute; its log is in the folder log.' >&2
  return 1
}

address_of() { sed -n 's/^rgw frontends = beast endpoint=\(.*\):\([0-9]*\) .*$/\1 \2/p' "$conf"; }

# free_port: one that nobody uses now.
free_port() {
  local port
  while port=$((20000 + RANDOM % 12000)); do
    (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { echo "$port"; return; }
  done
}

# A proposal of the monitor waits for others to join it: 1 s by default, of which a start needs nine (11 s in all). Deleted
# data is freed after a second in the place of two hours, because it is memory here.
# Without tcp_nodelay the kernel holds the body of a small answer for 40 ms (docs/scaling.md, "tcp_nodelay").
# The OSD must not place itself at its start: on a loaded machine it did so before it knew the cluster ("wrong fsid").
write_conf() {
  cat >"$conf" <<CONF
[global]
fsid = $fsid
mon host = v1:127.0.0.1:$monitor
mon initial members = a
auth cluster required = none
auth service required = none
auth client required = none
osd objectstore = memstore
memstore device bytes = 4294967296
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 8
osd pool default pgp num = 8
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
osd class update on start = false
osd crush update on start = false
mon allow pool size one = true
mon warn on pool no redundancy = false
mon max pg per osd = 1000
paxos propose interval = 0.05
rgw enable usage log = false
rgw enable lc threads = false
rgw enable quota threads = false
rgw run sync thread = false
rgw enable apis = s3
rgw gc obj min wait = 1
rgw gc processor period = 1
public network = 127.0.0.0/8
cluster network = 127.0.0.0/8
run dir = $dir/run
admin socket = $dir/run/\$name.asok
log file = $dir/log/\$name.log
mon data = $dir/mon
osd data = $dir/osd
[mon.a]
public addr = v1:127.0.0.1:$monitor
[client.rgw.a]
rgw frontends = beast endpoint=$address:$port tcp_nodelay=1
rgw data = $dir/rgw
CONF
}

case $command in
  start)
    port=${3:-$(free_port)} address=${4:-127.0.0.1} monitor=$(free_port)
    mkdir -p "$dir"/{mon,osd,run,log}
    write_conf
    cd "$dir"
    # In the background: `set -e` does not hold in front of `||`, and a step that fails must end the start.
    (
      monmaptool --create --clobber --fsid "$fsid" --addv a "v1:127.0.0.1:$monitor" "$dir/monmap"
      ceph-mon -c "$conf" --mkfs -i a --monmap "$dir/monmap"
      ceph-mon -c "$conf" -i a --pid-file "$dir/mon.pid"
      uuid=$(</proc/sys/kernel/random/uuid)
      id=$(ask osd new "$uuid")
      ceph-osd -c "$conf" -i "$id" --mkfs --osd-uuid "$uuid"
      ask osd crush add "osd.$id" 1.0 root=default host=localhost
      ceph-osd -c "$conf" -i "$id" --pid-file "$dir/osd.pid"
      gateway "$address" "$port"
      timeout 60 radosgw-admin -c "$conf" user create --uid=test --display-name=test --access-key=TESTKEY --secret=TESTSECRET
    ) >"$dir/log/start.log" 2>&1 &
    wait $! || { tail -5 "$dir/log/start.log" >&2; exit 1; }
    printf '{"endpoint":"http://%s:%s","accessKeyId":"TESTKEY","secretAccessKey":"TESTSECRET"}\n' "$address" "$port"
    ;;
  stop) for name in rgw osd mon; do end "$name" KILL; done ;;
  gateway-down) end rgw KILL ;;
  gateway-up) read -r address port < <(address_of) && gateway "$address" "$port" >/dev/null ;;
  *) echo "Unknown command: $command" >&2; exit 2 ;;
esac
