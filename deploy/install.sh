#!/usr/bin/env bash
# Installs CamProxy from the directory in which this file lies, or brings an installed one up to it.
set -euo pipefail

usage() {
    cat <<'END'
usage: install.sh [options], as root, on Debian 12 or later or Raspberry Pi OS

Run it again to upgrade, or to add nginx later: settings and data stay as they are.

  --nginx              put nginx with TLS in front (needs --domain)
  --domain NAME        the name or IPv4 address by which people reach the server
  --self-signed        make a certificate for it (browsers will warn); otherwise that of
                       certbot in /etc/letsencrypt/live/NAME is used, or
  --certificate FILE   a certificate of your own with its chain, and
  --key FILE           its key
  --http-port PORT     where nginx sends people on to https (default 80)
  --https-port PORT    where people reach it (default 443)
  --port PORT          where the server itself listens (default 5000)
  --admin NAME         name of the first admin (default admin)
  --name NAME          of this instance if there are several: camproxy-garden (default camproxy)
  --python PROGRAM     Python 3.11 or later (default python3)
  --root DIRECTORY     install below DIRECTORY: no user, no packages, nothing is started
END
}

# shellcheck source=deploy/nginx/site.sh
source "${BASH_SOURCE[0]%/*}/nginx/site.sh"

say() { printf '%s\n' "$*"; }
die() { printf 'install.sh: %s\n' "$*" >&2; exit 1; }

main() {
    read_options "$@"
    umask 022
    PATH=$PATH:/usr/sbin:/sbin
    source_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
    app=$root/opt/$name
    staged=$app.new
    settings=$root/etc/$name/camproxy.env
    unit=$root/etc/systemd/system/$name.service
    site=$root/etc/nginx/sites-available/$name.conf
    cd /

    check_machine
    install_packages
    check_python
    make_user
    make_settings
    password='' stopped=''
    trap at_the_end EXIT
    stage_code
    read_settings
    stop_it
    back_up
    bring_up_the_database
    switch_to_it
    install_unit
    start_it
    if [[ $nginx ]]; then
        install_site
    fi
    sum_up
}

# However it ends: what ran before runs again, and an admin whose password nobody has seen could not log in.
# shellcheck disable=SC2317,SC2329  # trap calls it
at_the_end() {
    rm -rf "$staged"
    if [[ $stopped ]]; then
        say "Starting what was installed before" >&2
        systemctl start "$name" || true
    fi
    [[ $password ]] || return 0
    say
    say "  The first admin is  $admin"
    say "  with the password   $password"
    say "  It is shown this once; change it under Settings."
}

read_options() {
    nginx='' domain='' self_signed='' certificate='' key='' http_port=80 https_port=443
    port='' admin=admin name=camproxy python=python3 root=''
    local option
    while (($#)); do
        case $1 in
            --nginx) nginx=yes ;;
            --self-signed) self_signed=yes ;;
            --domain | --certificate | --key | --http-port | --https-port | --port | --admin | --name | --python | --root)
                [[ ${2-} ]] || die "$1 needs a value"
                option=${1#--}
                printf -v "${option//-/_}" %s "$2"
                shift
                ;;
            -h | --help) usage; exit ;;
            *) usage >&2; die "there is no option $1" ;;
        esac
        shift
    done
    local one
    for one in "$http_port" "$https_port" ${port:+"$port"}; do
        [[ $one =~ ^[1-9][0-9]{0,4}$ && $one -lt 65536 ]] || die "$one is no port"
    done
    # Nobody else's /etc/NAME, and no other user.
    [[ $name =~ ^camproxy(-[a-z0-9]{1,20})?$ ]] || die "--name $name: camproxy- and small letters or digits, please"
    root=${root%/}
    [[ ! $root || $root == /* ]] || root=$PWD/$root
    [[ $nginx ]] || return 0
    [[ $domain =~ ^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$ ]] || die "--nginx needs --domain NAME"
    if [[ $certificate || $key ]]; then
        [[ -f $certificate && -f $key ]] || die "--certificate and --key have to name two files"
        certificate=$(realpath "$certificate") key=$(realpath "$key")
    elif [[ $self_signed ]]; then
        certificate=/etc/$name/tls/certificate.pem key=/etc/$name/tls/key.pem
    else
        certificate=/etc/letsencrypt/live/$domain/fullchain.pem key=/etc/letsencrypt/live/$domain/privkey.pem
        [[ -f $root$certificate ]] ||
            die "there is no $certificate. Begin with --self-signed; docs/operations.md says how certbot gets a real one."
    fi
}

check_machine() {
    [[ ! $root ]] || return 0
    ((EUID == 0)) || die "run it as root: sudo $0"
    [[ -f /etc/debian_version ]] || die "this is for Debian and its like; docs/operations.md says what it would do"
}

install_packages() {
    [[ ! $root ]] || return 0
    local missing=()
    "$python" -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3 python3-venv)
    if [[ $nginx ]]; then
        command -v nginx >/dev/null || missing+=(nginx)
        command -v openssl >/dev/null || missing+=(openssl)
    fi
    ((${#missing[@]})) || return 0
    say "Installing packages: ${missing[*]}"
    export DEBIAN_FRONTEND=noninteractive
    apt-get -qq update </dev/null
    apt-get -qq install -y --no-install-recommends "${missing[@]}" </dev/null >/dev/null
}

check_python() {
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
        die "CamProxy needs Python 3.11 or later; name one with --python"
}

make_user() {
    [[ ! $root ]] || return 0
    if ! getent passwd "$name" >/dev/null; then
        say "Making the user $name, as which the server runs"
        useradd --system --user-group --home-dir "/var/lib/$name" --no-create-home --shell /usr/sbin/nologin "$name"
    fi
}

# set_setting NAME VALUE
set_setting() {
    ! grep -qxF "$1=$2" "$settings" || return 0
    say "Setting $1=$2"
    if grep -q "^$1=" "$settings"; then
        sed -i "s|^$1=.*|$1=$2|" "$settings"
    else
        printf '%s=%s\n' "$1" "$2" >>"$settings"
    fi
}

make_settings() {
    install -d "$root/etc/$name"
    if [[ ! -e $settings ]]; then
        say "Making the settings file $settings"
        cat >"$settings" <<END
# CamProxy's settings. All that there are, with their defaults: /opt/$name/.env.example
# After a change: systemctl restart $name
HOST=0.0.0.0
PORT=5000
PORT_RANGE=1
DATA_DIR=/var/lib/$name
END
    fi
    if [[ $port ]]; then
        [[ $nginx || ! -f $site ]] || die "nginx has to know the port as well: give --nginx and --domain too"
        set_setting PORT "$port"
    fi
    if [[ $nginx ]]; then
        set_setting HOST 127.0.0.1
        set_setting PORT_RANGE 1
        ! grep -q '^TLS=.' "$settings" || set_setting TLS false
        grep -q '^TRUSTED_PROXIES=.' "$settings" || set_setting TRUSTED_PROXIES 127.0.0.1
    fi
    chmod 640 "$settings"
    if [[ $root ]]; then
        install -d -m 750 "$root/var/lib/$name"
    else
        # Only root may change them, only the server and root may read them: there may be passwords among them.
        chown "root:$name" "$settings"
        install -d -o "$name" -g "$name" -m 750 "/var/lib/$name"
    fi
}

# Everything is made ready beside the version that runs, so that a failure here leaves it as it was.
stage_code() {
    local parts=(app.py models.py gunicorn.conf.py camproxy scripts templates static deploy docs
        package.json package-lock.json .env.example README.md CHANGELOG.md)
    say "Copying the code"
    rm -rf "$staged"
    mkdir -p "$staged"
    (cd "$source_dir" && tar --exclude=__pycache__ --exclude=requirements-dev.txt -cf - "${parts[@]}" requirements*.txt) |
        tar -C "$staged" --no-same-owner -xf -
    ln -s "../../etc/$name/camproxy.env" "$staged/.env"

    if has_this_python "$app/.venv"; then
        say "Bringing the Python packages up to date"
        cp -a "$app/.venv" "$staged/.venv"
    else
        say "Installing the Python packages (a few minutes)"
        "$python" -m venv "$staged/.venv"
    fi
    install_requirements requirements.txt
    # It is fetched again only if it is another one by now.
    [[ ! -d $app/static/vendor ]] || cp -a "$app/static/vendor" "$staged/static/"
    "$staged/.venv/bin/python" "$staged/scripts/setup.py" client ||
        die "the browser's client could not be fetched; nothing has been changed"
    # The programs in .venv/bin name the directory where they were installed.
    { grep -rlIF "$staged/" "$staged/.venv/bin" "$staged/.venv/pyvenv.cfg" || true; } |
        xargs --no-run-if-empty sed -i "s|$staged/|$app/|g"
    # The server may not write there.
    "$staged/.venv/bin/python" -m compileall -q "$staged"/{app.py,models.py,camproxy,scripts}
    chmod -R u=rwX,go=rX "$staged"
}

# Debian's next release has another Python, with which the packages of this one are of no use.
has_this_python() {
    local which='import sys; print(sys.version_info[:2], sys.base_prefix)'
    [[ -x $1/bin/python && $("$1/bin/python" -c "$which" 2>/dev/null) == "$("$python" -c "$which")" ]]
}

install_requirements() {
    "$staged/.venv/bin/python" -m pip install --quiet --disable-pip-version-check \
        --upgrade --upgrade-strategy eager -r "$staged/$1" ||
        die "the packages of $1 could not be installed; nothing has been changed"
}

# Run the new version's Python as the server will run, with the settings file and nothing of our own environment.
as_server() (
    cd "$staged"
    umask 077
    command=(env -i "PATH=$PATH" LANG=C.UTF-8 "ENV_FILE=$settings")
    if [[ $root ]]; then
        command+=("DATA_DIR=$root$(sed -n 's/^DATA_DIR=//p' "$settings" | tail -n 1)")
    else
        command=(runuser -u "$name" -- "${command[@]}")
    fi
    "${command[@]}" .venv/bin/python "$@"
)

# They are asked of the server, which knows how the file is written and what stands in for what is not in it.
read_settings() {
    local read
    read=$(as_server scripts/installed.py settings) ||
        die "the settings in $settings cannot be used; nothing has been changed"
    read -r scheme host port message_bytes database <<<"$read"
    [[ $database != postgresql ]] || install_requirements requirements-postgresql.txt
}

systemd_runs() { [[ ! $root && -d /run/systemd/system ]]; }

stop_it() {
    if systemd_runs && [[ -f $unit ]]; then
        say "Stopping the version that is installed"
        stopped=yes
        systemctl stop "$name"
    fi
}

back_up() {
    case $database in
        file)
            say "Backing up the database"
            as_server scripts/backup_db.py || die "there is no backup, so nothing has been changed"
            ;;
        postgresql) say "Not backed up, because the database is PostgreSQL's: see docs/backup.md" ;;
    esac
}

# The server would do both at its first start, but then the password would stand in the journal.
bring_up_the_database() {
    local people
    people=$(as_server scripts/installed.py migrate) ||
        die "the database could not be brought up to date; the version before it is as it was"
    [[ $people == 0 ]] || return 0
    say "Making the first admin, $admin"
    password=$("$python" -c 'import secrets; print(secrets.token_urlsafe(12))')
    as_server scripts/create_admin.py --username "$admin" --password-stdin <<<"$password" >/dev/null
}

switch_to_it() {
    say "Putting the new version into $app"
    if [[ -d $app.old ]]; then
        rm -rf "$app"  # it never ran well: the one before it is kept
    elif [[ -d $app ]]; then
        mv "$app" "$app.old"
    fi
    mv "$staged" "$app"
}

install_unit() {
    say "Installing the service $name"
    install -d "${unit%/*}"
    "$app/deploy/fill.sh" "$app/deploy/systemd/camproxy.service" "NAME=$name" >"$unit"
    if systemd_runs; then
        systemctl daemon-reload
    fi
    if [[ ! $root ]] && command -v systemctl >/dev/null; then
        systemctl --quiet enable "$name"
    fi
}

start_it() {
    stopped=''
    if systemd_runs; then
        say "Starting the service"
        if ! systemctl restart "$name"; then
            journalctl --unit "$name" --no-pager --lines 20 >&2 || true
            [[ ! -d $app.old ]] || say "The version before it is kept in $app.old." >&2
            die "the server did not start; its last words are above"
        fi
    fi
    rm -rf "$app.old"
}

sum_up() {
    local address
    if [[ -f $site ]]; then
        # shellcheck disable=SC2016  # a variable of nginx's
        address=$(sed -n 's/^ *return 301 \(.*\)\$request_uri;$/\1/p' "$site")
    else
        address=$host
        [[ $host != 0.0.0.0 ]] || address=$(hostname -I 2>/dev/null | cut -d ' ' -f 1) || true
        address=$scheme://${address:-localhost}:$port
    fi
    say
    if systemd_runs; then
        say "CamProxy runs at $address"
    else
        say "CamProxy is installed. systemd does not run here, so start it by hand: systemctl start $name"
        say "Then it is at $address"
    fi
}

# Read to its end before anything happens: the file may be the one that is replaced.
main "$@"
exit
