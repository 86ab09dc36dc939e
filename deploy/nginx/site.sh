# shellcheck shell=bash
# The part of install.sh that puts nginx in front. It uses install.sh's variables.
# shellcheck disable=SC2154

make_certificate() {
    local alternative=DNS:$domain
    [[ ! $domain =~ ^[0-9.]+$ ]] || alternative=IP:$domain
    if [[ -f $root$certificate ]] && openssl x509 -in "$root$certificate" -noout -checkend 2592000 >/dev/null &&
        openssl x509 -in "$root$certificate" -noout -ext subjectAltName | grep -qE "(DNS|IP Address):$domain$"; then
        return
    fi
    say "Making a certificate for $domain"
    install -d "$root/etc/$name/tls"
    local said
    said=$(
        umask 077
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 825 -subj "/CN=${domain:0:64}" \
            -addext "subjectAltName=$alternative" -addext "extendedKeyUsage=serverAuth" \
            -keyout "$root$key" -out "$root$certificate" 2>&1
    ) || die "openssl: $said"
    chmod 644 "$root$certificate"
}

install_site() {
    local enabled=$root/etc/nginx/sites-enabled/$name.conf
    if [[ $self_signed ]]; then
        make_certificate
    fi
    say "Installing the site $domain for nginx"
    local authority=$domain socket_options=' sndbuf=128k' text former='' had_link=''
    [[ $https_port == 443 ]] || authority=$domain:$https_port
    # nginx takes them from one site only and applies them to all that share the port.
    local other
    for other in "$root"/etc/nginx/sites-enabled/*; do
        if [[ $other != "$enabled" ]] && grep -qsE "^ *listen $https_port ssl sndbuf" "$other"; then
            socket_options=''
        fi
    done
    text=$("$app/deploy/fill.sh" "$app/deploy/nginx/camproxy.conf" "NAME=$name" "DOMAIN=$domain" "PORT=$port" \
        "HTTP_PORT=$http_port" "HTTPS_PORT=$https_port" "AUTHORITY=$authority" "SOCKET_OPTIONS=$socket_options" \
        "CERTIFICATE=$certificate" "KEY=$key" "MESSAGE_BYTES=$message_bytes")
    install -d "${site%/*}" "${enabled%/*}"
    [[ ! -f $site ]] || former=$(<"$site")
    [[ ! -L $enabled ]] || had_link=yes
    if [[ $former && $former != "$text" ]]; then
        say "The site as it was is kept in $site.before"
        printf '%s\n' "$former" >"$site.before"
    fi
    printf '%s\n' "$text" >"$site"
    ln -sf "../sites-available/$name.conf" "$enabled"
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
