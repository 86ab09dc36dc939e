#!/usr/bin/env bash
# Removes what install.sh has installed. Settings and data stay, unless --purge is given.
set -euo pipefail

usage() {
    cat <<'END'
usage: uninstall.sh [options], as root

  --purge             remove the settings, the database, the recordings and the user too
  --name NAME         of this instance (default camproxy)
  --root DIRECTORY    of an installation below DIRECTORY
END
}

say() { printf '%s\n' "$*"; }
die() { printf 'uninstall.sh: %s\n' "$*" >&2; exit 1; }

main() {
    local purge='' root='' name=camproxy
    while (($#)); do
        case $1 in
            --purge) purge=yes ;;
            --root | --name)
                [[ ${2-} ]] || die "$1 needs a value"
                printf -v "${1#--}" %s "${2%/}"
                shift
                ;;
            -h | --help) usage; exit ;;
            *) usage >&2; die "there is no option $1" ;;
        esac
        shift
    done
    [[ $name =~ ^camproxy(-[a-z0-9]{1,20})?$ ]] || die "--name $name is no name of an instance"
    [[ $root ]] || ((EUID == 0)) || die "run it as root: sudo $0"
    [[ ! $root || $root == /* ]] || root=$PWD/$root
    PATH=$PATH:/usr/sbin:/sbin
    cd /

    local systemd=''
    [[ $root || ! -d /run/systemd/system ]] || systemd=yes
    local unit=$root/etc/systemd/system/$name.service
    if [[ -f $unit ]]; then
        say "Removing the service $name"
        if [[ $systemd ]]; then
            systemctl --quiet disable --now "$name"
        elif [[ ! $root ]] && command -v systemctl >/dev/null; then
            systemctl --quiet disable "$name"
        fi
        rm -f "$unit"
        [[ ! $systemd ]] || systemctl daemon-reload
    fi

    local site=$root/etc/nginx/sites-available/$name.conf
    if [[ -f $site ]]; then
        say "Removing the site from nginx"
        rm -f "$site" "$site.before" "$root/etc/nginx/sites-enabled/$name.conf"
        if [[ $systemd ]] && systemctl --quiet is-active nginx; then
            systemctl reload nginx
        fi
    fi

    say "Removing the code"
    rm -rf "$root/opt/$name" "$root/opt/$name.new" "$root/opt/$name.old"

    local ours=/var/lib/$name data=''
    [[ ! -f $root/etc/$name/camproxy.env ]] || data=$(sed -n 's/^DATA_DIR=//p' "$root/etc/$name/camproxy.env" | tail -n 1)
    data=${data:-$ours}
    if [[ ! $purge ]]; then
        say "Settings are kept in $root/etc/$name, data in $root$data; --purge removes them."
        return
    fi
    say "Removing settings and data"
    rm -rf "$root/etc/${name:?}" "$root$ours" "$unit.d"
    # Who knows what else is there.
    [[ $data == "$ours" ]] || say "What is in $root$data was left, because DATA_DIR was changed to it."
    if [[ ! $root ]] && getent passwd "$name" >/dev/null; then
        say "Removing the user $name"
        userdel "$name"
    fi
}

# Read to its end before anything happens: the file is among those that are removed.
main "$@"
exit
