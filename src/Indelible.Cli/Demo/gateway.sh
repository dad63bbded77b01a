#!/usr/bin/env bash
# One Ceph node with a RADOS gateway on loopback, for the demo and for tests: gateway.sh up DIR PORT MONITOR_PORT ; gateway.sh down DIR
# Everything is in memory and below DIR; `down` ends the processes by the ids they left there.
set -euo pipefail
verb=$1 dir=$2
if [ "$verb" = down ]; then
  for file in "$dir"/run/*.pid; do [ -e "$file" ] && kill -9 "$(cat "$file")" 2>/dev/null || true; done
  exit 0
fi
port=$3 v2=$4 v1=$(($4 + 1))
for program in ceph-mon ceph-osd radosgw radosgw-admin ceph-authtool monmaptool; do
  command -v $program >/dev/null 2>&1 || {
    echo "expected $program on PATH, found none; install Ceph, on Debian or Ubuntu with:  sudo apt-get install --no-install-recommends ceph-mon ceph-osd radosgw ceph-common" >&2
    exit 3
  }
done
mkdir -p "$dir"/{mon,osd,run,log,rgw}
keyring=$dir/keyring
cat > "$dir/ceph.conf" <<CONF
[global]
fsid = $(cat /proc/sys/kernel/random/uuid)
mon initial members = a
mon host = [v2:127.0.0.1:$v2/0,v1:127.0.0.1:$v1/0]
public addr = 127.0.0.1
keyring = $keyring
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 4
osd pool default pgp num = 4
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon allow pool size one = true
mon warn on pool no redundancy = false
mon max pg per osd = 1000
mon data avail crit = 1
mon data avail warn = 2
auth allow insecure global id reclaim = false
ms bind ipv6 = false
run dir = $dir/run
admin socket = $dir/run/\$name.asok
log file = $dir/log/\$name.log
pid file = $dir/run/\$name.pid
crash dir = $dir/log
[mon.a]
mon data = $dir/mon
mon cluster log file = $dir/log/cluster.log
[osd.0]
osd data = $dir/osd
osd objectstore = memstore
memstore device bytes = 1073741824
[client.rgw.a]
rgw frontends = beast endpoint=127.0.0.1:$port
rgw data = $dir/rgw
rgw enable ops log = false
rgw enable usage log = false
rgw thread pool size = 64
# What radosgw-admin changes holds at once: a gateway that is late to hear of it would go on for a quarter of an hour.
rgw cache enabled = false
rgw rados pool pg num min = 4
CONF
export CEPH_CONF=$dir/ceph.conf
ceph-authtool -C "$keyring" --gen-key -n mon. --cap mon 'allow *' >/dev/null
ceph-authtool "$keyring" --gen-key -n client.admin --cap mon 'allow *' --cap osd 'allow *' >/dev/null
ceph-authtool "$keyring" --gen-key -n osd.0 --cap mon 'allow profile osd' --cap osd 'allow *' >/dev/null
ceph-authtool "$keyring" --gen-key -n client.rgw.a --cap mon 'allow rw' --cap osd 'allow rwx' >/dev/null
monmaptool --create --clobber --fsid "$(sed -n 's/^fsid = //p' "$CEPH_CONF")" --addv a "[v2:127.0.0.1:$v2,v1:127.0.0.1:$v1]" "$dir/monmap" >/dev/null
ceph-mon -i a --mkfs --monmap "$dir/monmap" --keyring "$keyring"
ceph-mon -i a
timeout 60 ceph mon stat >/dev/null 2>&1
osd=$(cat /proc/sys/kernel/random/uuid)
timeout 60 ceph osd new "$osd" >/dev/null 2>&1
ceph-osd -i 0 --mkfs --osd-uuid "$osd" 2>"$dir/log/mkfs.err" || { cat "$dir/log/mkfs.err" >&2; exit 1; }
ceph-osd -i 0 2>>"$dir/log/mkfs.err"
for _ in $(seq 200); do ceph osd stat 2>/dev/null | grep -q '1 up' && break; sleep 0.2; done
timeout 120 radosgw -n client.rgw.a
for _ in $(seq 300); do (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && break; sleep 0.2; done
user() { timeout 60 radosgw-admin -n client.rgw.a user create --uid="$1" --display-name="$1" --access-key="$2" --secret-key="$3" >/dev/null; }
user owner OWNERACCESSKEY000001 owner-secret-key-0000000000000000000001
user other OTHERACCESSKEY000001 other-secret-key-0000000000000000000001
