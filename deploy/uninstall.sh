#!/usr/bin/env bash
# Removes what install.sh has installed. Settings and data stay, unless --purge is given.
set -euo pipefail

usage() {
    cat <<'END'
usage: uninstall.sh [options], as root

  --purge             remove the settings, the database, the recordings and the user camproxy too
  --root DIRECTORY    of an installation below DIRECTORY
END
}

say() { printf '%s\n' "$*"; }
die() { printf 'uninstall.sh: %s\n' "$*" >&2; exit 1; }

main() {
    local purge='' root=''
    while (($#)); do
        case $1 in
            --purge) purge=yes ;;
            --root)
                [[ ${2-} ]] || die "$1 needs a value"
                root=${2%/}
                shift
                ;;
            -h | --help) usage; exit ;;
            *) usage >&2; die "there is no option $1" ;;
        esac
        shift
    done
    [[ $root ]] || ((EUID == 0)) || die "run it as root: sudo $0"
    [[ ! $root || $root == /* ]] || root=$PWD/$root
    PATH=$PATH:/usr/sbin:/sbin
    cd /

    local systemd=''
    [[ $root || ! -d /run/systemd/system ]] || systemd=yes
    local unit=$root/etc/systemd/system/camproxy.service
    if [[ -f $unit ]]; then
        say "Removing the service camproxy"
        if [[ $systemd ]]; then
            systemctl --quiet disable --now camproxy
        elif [[ ! $root ]] && command -v systemctl >/dev/null; then
            systemctl --quiet disable camproxy
        fi
        rm -f "$unit"
        [[ ! $systemd ]] || systemctl daemon-reload
    fi

    local site=$root/etc/nginx/sites-available/camproxy.conf
    if [[ -f $site ]]; then
        say "Removing the site from nginx"
        rm -f "$site" "$root/etc/nginx/sites-enabled/camproxy.conf"
        if [[ $systemd ]] && systemctl --quiet is-active nginx; then
            systemctl reload nginx
        fi
    fi

    say "Removing the code"
    rm -rf "$root/opt/camproxy" "$root/opt/camproxy.new" "$root/opt/camproxy.old"

    if [[ ! $purge ]]; then
        say "Settings are kept in $root/etc/camproxy, data in $root/var/lib/camproxy; --purge removes them."
        return
    fi
    say "Removing settings and data"
    rm -rf "$root/etc/camproxy" "$root/var/lib/camproxy" "$unit.d"
    if [[ ! $root ]] && getent passwd camproxy >/dev/null; then
        say "Removing the user camproxy"
        userdel camproxy
    fi
}

# Read to its end before anything happens: the file is among those that are removed.
main "$@"
exit
