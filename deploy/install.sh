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
  --port PORT          where the server listens (default 5000)
  --admin NAME         name of the first admin (default admin)
  --python PROGRAM     Python 3.11 or later (default python3)
  --root DIRECTORY     install below DIRECTORY: no user, no packages, nothing is started
END
}

say() { printf '%s\n' "$*"; }
die() { printf 'install.sh: %s\n' "$*" >&2; exit 1; }

main() {
    read_options "$@"
    umask 022
    PATH=$PATH:/usr/sbin:/sbin
    source_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
    app=$root/opt/camproxy
    staged=$app.new
    settings=$root/etc/camproxy/camproxy.env
    unit=$root/etc/systemd/system/camproxy.service
    site=$root/etc/nginx/sites-available/camproxy.conf
    cd /

    check_machine
    install_packages
    check_python
    make_user
    make_settings
    password=
    trap at_the_end EXIT
    stage_code
    if [[ ! -d $app ]]; then
        make_first_admin
    fi
    switch_to_it
    install_unit
    start_it
    if [[ $nginx ]]; then
        install_site
    fi
    sum_up
}

# However it ends: an admin whose password nobody has seen could not log in.
# shellcheck disable=SC2317  # trap calls it
at_the_end() {
    rm -rf "$staged"
    [[ $password ]] || return 0
    say
    say "  The first admin is  $admin"
    say "  with the password   $password"
    say "  It is shown this once; change it under Settings."
}

read_options() {
    nginx='' domain='' self_signed='' certificate='' key='' port='' admin=admin python=python3 root=''
    while (($#)); do
        case $1 in
            --nginx) nginx=yes ;;
            --self-signed) self_signed=yes ;;
            --domain | --certificate | --key | --port | --admin | --python | --root)
                [[ ${2-} ]] || die "$1 needs a value"
                printf -v "${1#--}" %s "$2"
                shift
                ;;
            -h | --help) usage; exit ;;
            *) usage >&2; die "there is no option $1" ;;
        esac
        shift
    done
    [[ ! $port || $port =~ ^[1-9][0-9]{0,4}$ ]] || die "--port $port is no port"
    root=${root%/}
    [[ ! $root || $root == /* ]] || root=$PWD/$root
    [[ $nginx ]] || return 0
    [[ $domain =~ ^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$ ]] || die "--nginx needs --domain NAME"
    if [[ $certificate || $key ]]; then
        [[ -f $certificate && -f $key ]] || die "--certificate and --key have to name two files"
        certificate=$(realpath "$certificate") key=$(realpath "$key")
    elif [[ $self_signed ]]; then
        certificate=/etc/camproxy/tls/certificate.pem key=/etc/camproxy/tls/key.pem
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
    if ! getent passwd camproxy >/dev/null; then
        say "Making the user camproxy, as which the server runs"
        useradd --system --user-group --home-dir /var/lib/camproxy --no-create-home --shell /usr/sbin/nologin camproxy
    fi
}

# Its value in the settings file; empty when it is not set there.
setting() { sed -n "s/^$1=//p" "$settings" | tail -n 1; }

# set_setting NAME VALUE
set_setting() {
    [[ $(setting "$1") != "$2" ]] || return 0
    say "Setting $1=$2"
    if grep -q "^$1=" "$settings"; then
        sed -i "s|^$1=.*|$1=$2|" "$settings"
    else
        printf '%s=%s\n' "$1" "$2" >>"$settings"
    fi
}

make_settings() {
    install -d "$root/etc/camproxy"
    if [[ ! -e $settings ]]; then
        say "Making the settings file $settings"
        cat >"$settings" <<'END'
# CamProxy's settings. All that there are, with their defaults: /opt/camproxy/.env.example
# After a change: systemctl restart camproxy
HOST=0.0.0.0
PORT=5000
PORT_RANGE=1
DATA_DIR=/var/lib/camproxy
END
    fi
    if [[ $port ]]; then
        [[ $nginx || ! -f $site ]] || die "nginx has to know the port as well: give --nginx and --domain too"
        set_setting PORT "$port"
    fi
    if [[ $nginx ]]; then
        set_setting HOST 127.0.0.1
        set_setting PORT_RANGE 1
        [[ $(setting TRUSTED_PROXIES) ]] || set_setting TRUSTED_PROXIES 127.0.0.1
    fi
    port=$(setting PORT)
    port=${port:-5000}
    if [[ $root ]]; then
        chmod 640 "$settings"
        install -d -m 750 "$root/var/lib/camproxy"
    else
        # Only root may change them, only the server and root may read them: there may be passwords among them.
        chown root:camproxy "$settings"
        chmod 640 "$settings"
        install -d -o camproxy -g camproxy -m 750 /var/lib/camproxy
    fi
}

# Everything is made ready beside the version that runs, so that a failure here leaves it as it was.
stage_code() {
    local parts=(app.py models.py gunicorn.conf.py camproxy scripts templates static deploy docs
        requirements.txt package.json package-lock.json .env.example README.md CHANGELOG.md)
    say "Copying the code"
    rm -rf "$staged"
    mkdir -p "$staged"
    tar -C "$source_dir" --exclude=__pycache__ -cf - "${parts[@]}" | tar -C "$staged" --no-same-owner -xf -
    ln -s ../../etc/camproxy/camproxy.env "$staged/.env"

    say "Installing the Python packages (a few minutes)"
    "$python" -m venv "$staged/.venv"
    "$staged/.venv/bin/python" -m pip install --quiet --disable-pip-version-check -r "$staged/requirements.txt" ||
        die "the packages could not be installed; nothing has been changed"
    "$staged/.venv/bin/python" "$staged/scripts/setup.py" client ||
        die "the browser's client could not be fetched; nothing has been changed"
    # The programs in .venv/bin name the directory where they were installed.
    { grep -rlIF "$staged/" "$staged/.venv/bin" "$staged/.venv/pyvenv.cfg" || true; } |
        xargs --no-run-if-empty sed -i "s|$staged/|$app/|g"
    # The server may not write there.
    "$staged/.venv/bin/python" -m compileall -q "$staged"/{app.py,models.py,camproxy,scripts}
    chmod -R u=rwX,go=rX "$staged"
}

# Run a command as the server would run, with the settings file and nothing of our own environment.
as_server() {
    local command=(env -i "PATH=$PATH" LANG=C.UTF-8 "ENV_FILE=$settings" "DATA_DIR=$root$(setting DATA_DIR)" "$@")
    if [[ $root ]]; then
        "${command[@]}"
    else
        runuser -u camproxy -- "${command[@]}"
    fi
}

# The server would do it at its first start, but then the password would stand in the journal.
make_first_admin() {
    [[ ! $(setting ADMIN_PASSWORD) ]] || return 0
    local users
    users=$(
        cd "$staged"
        as_server .venv/bin/python - <<'END'
import app, models
from camproxy import database

with app.create_app({"LOG_LEVEL": "WARNING"}).app_context():
    database.upgrade()
    print(models.User.query.count())
END
    )
    [[ $users == 0 ]] || return 0
    say "Making the first admin, $admin"
    password=$("$python" -c 'import secrets; print(secrets.token_urlsafe(12))')
    (
        cd "$staged"
        as_server .venv/bin/python scripts/create_admin.py --username "$admin" --password-stdin <<<"$password" >/dev/null
    )
}

systemd_runs() { [[ ! $root && -d /run/systemd/system ]]; }

switch_to_it() {
    if systemd_runs && [[ -f $unit ]]; then
        say "Stopping the version that is installed"
        systemctl stop camproxy
    fi
    say "Putting the new version into $app"
    if [[ -d $app.old ]]; then
        rm -rf "$app"  # it never ran well: the one before it is kept
    elif [[ -d $app ]]; then
        mv "$app" "$app.old"
    fi
    mv "$staged" "$app"
}

install_unit() {
    say "Installing the service camproxy"
    install -D -m 644 "$app/deploy/systemd/camproxy.service" "$unit"
    if systemd_runs; then
        systemctl daemon-reload
    fi
    if [[ ! $root ]] && command -v systemctl >/dev/null; then
        systemctl --quiet enable camproxy
    fi
}

make_certificate() {
    local name=DNS:$domain
    [[ ! $domain =~ ^[0-9.]+$ ]] || name=IP:$domain
    if [[ -f $root$certificate ]] && openssl x509 -in "$root$certificate" -noout -checkend 2592000 >/dev/null &&
        openssl x509 -in "$root$certificate" -noout -ext subjectAltName | grep -qE "(DNS|IP Address):$domain$"; then
        return
    fi
    say "Making a certificate for $domain"
    install -d "$root/etc/camproxy/tls"
    local said
    said=$(
        umask 077
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 825 -subj "/CN=${domain:0:64}" \
            -addext "subjectAltName=$name" -addext "extendedKeyUsage=serverAuth" \
            -keyout "$root$key" -out "$root$certificate" 2>&1
    ) || die "openssl: $said"
    chmod 644 "$root$certificate"
}

install_site() {
    local enabled=$root/etc/nginx/sites-enabled/camproxy.conf
    if [[ $self_signed ]]; then
        make_certificate
    fi
    say "Installing the site $domain for nginx"
    local text former='' had_link=''
    text=$(<"$app/deploy/nginx/camproxy.conf")
    text=${text//@DOMAIN@/"$domain"}
    text=${text//@PORT@/"$port"}
    text=${text//@CERTIFICATE@/"$certificate"}
    text=${text//@KEY@/"$key"}
    install -d "${site%/*}" "${enabled%/*}"
    [[ ! -f $site ]] || former=$(<"$site")
    [[ ! -L $enabled ]] || had_link=yes
    printf '%s\n' "$text" >"$site"
    ln -sf ../sites-available/camproxy.conf "$enabled"
    [[ ! $root ]] || return 0
    if ! nginx -t -q; then
        # Other sites must not suffer.
        if [[ $former ]]; then printf '%s\n' "$former" >"$site"; else rm "$site"; fi
        [[ $had_link ]] || rm "$enabled"
        die "nginx refused the site, so it was taken back; the server itself runs on 127.0.0.1:$port"
    fi
    if systemd_runs; then
        systemctl --quiet enable nginx
        systemctl reload-or-restart nginx
    fi
}

start_it() {
    if ! systemd_runs; then
        rm -rf "$app.old"
        return
    fi
    say "Starting the service"
    if ! systemctl restart camproxy; then
        journalctl --unit camproxy --no-pager --lines 20 >&2 || true
        [[ ! -d $app.old ]] || say "The version before it is kept in $app.old." >&2
        die "the server did not start; its last words are above"
    fi
    rm -rf "$app.old"
}

sum_up() {
    local address
    if [[ -f $site ]]; then
        address=https://$(sed -n 's/^ *server_name \(.*\);$/\1/p' "$site" | head -n 1)
    else
        address=$(setting HOST)
        [[ ${address:-0.0.0.0} != 0.0.0.0 ]] || address=$(hostname -I 2>/dev/null | cut -d ' ' -f 1) || true
        address=http://${address:-localhost}:$port
    fi
    say
    if systemd_runs; then
        say "CamProxy runs at $address"
    else
        say "CamProxy is installed. systemd does not run here, so start it by hand: systemctl start camproxy"
        say "Then it is at $address"
    fi
}

# Read to its end before anything happens: the file may be the one that is replaced.
main "$@"
exit
