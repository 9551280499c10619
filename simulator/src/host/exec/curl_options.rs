//! Options of the real `curl` 7.88 that are not here (`curl --help all`): they are refused as such,
//! not as unknown.

/// Long names.
const LONG: &str = "abstract-unix-socket alt-svc anyauth append aws-sigv4 basic cacert capath cert \
    cert-status cert-type compressed compressed-ssh config connect-to continue-at cookie \
    cookie-jar create-dirs create-file-mode crlf crlfile curves data-ascii data-urlencode \
    delegation digest disable disable-eprt disable-epsv disallow-username-in-url \
    dns-interface dns-ipv4-addr dns-ipv6-addr dns-servers doh-cert-status doh-insecure \
    doh-url egd-file engine etag-compare etag-save expect100-timeout fail-early \
    fail-with-body false-start form form-escape form-string ftp-account \
    ftp-alternative-to-user ftp-create-dirs ftp-method ftp-pasv ftp-port ftp-pret \
    ftp-skip-pasv-ip ftp-ssl-ccc ftp-ssl-ccc-mode ftp-ssl-control happy-eyeballs-timeout-ms \
    haproxy-protocol help hostpubmd5 hostpubsha256 hsts http0.9 http1.0 http2 \
    http2-prior-knowledge http3 http3-only ignore-content-length json junk-session-cookies \
    keepalive-time key key-type krb libcurl limit-rate list-only local-port location-trusted \
    login-options mail-auth mail-from mail-rcpt mail-rcpt-allowfails manual max-filesize \
    max-redirs metalink negotiate netrc netrc-file netrc-optional next no-alpn no-clobber \
    no-keepalive no-npn no-progress-meter no-sessionid noproxy ntlm ntlm-wb oauth2-bearer \
    output-dir parallel parallel-immediate parallel-max pass path-as-is pinnedpubkey post301 \
    post302 post303 preproxy progress-bar proto proto-default proto-redir proxy \
    proxy-anyauth proxy-basic proxy-cacert proxy-capath proxy-cert proxy-cert-type \
    proxy-ciphers proxy-crlfile proxy-digest proxy-header proxy-insecure proxy-key \
    proxy-key-type proxy-negotiate proxy-ntlm proxy-pass proxy-pinnedpubkey \
    proxy-service-name proxy-ssl-allow-beast proxy-ssl-auto-client-cert proxy-tls13-ciphers \
    proxy-tlsauthtype proxy-tlspassword proxy-tlsuser proxy-tlsv1 proxy-user proxy1.0 \
    proxytunnel pubkey quote random-file range rate raw referer remote-header-name \
    remote-name remote-name-all remote-time remove-on-error request-target retry \
    retry-all-errors retry-connrefused retry-delay retry-max-time sasl-authzid sasl-ir \
    service-name socks4 socks4a socks5 socks5-basic socks5-gssapi socks5-gssapi-nec \
    socks5-gssapi-service socks5-hostname speed-limit speed-time ssl ssl-allow-beast \
    ssl-auto-client-cert ssl-no-revoke ssl-reqd ssl-revoke-best-effort sslv2 sslv3 stderr \
    styled-output suppress-connect-headers tcp-fastopen tcp-nodelay telnet-option \
    tftp-blksize tftp-no-options time-cond tls13-ciphers tlsauthtype tlspassword tlsuser \
    tr-encoding trace trace-ascii trace-time unix-socket upload-file url-query use-ascii \
    xattr";

/// Letters.
const LETTERS: &str = "aEKCbcqFPh0jlMn:Z#xUpQreJORYy23tzTB";

/// Whether the real program has an option, typed with its dashes.
pub(super) fn is_real(option: &str) -> bool {
    match option.strip_prefix("--") {
        Some(name) => !name.is_empty() && LONG.split(' ').any(|long| long.starts_with(name)),
        None => LETTERS.contains(option.trim_start_matches('-')),
    }
}
