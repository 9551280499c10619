#!/bin/sh
# Installs what wirelab needs and is missing, and says so first. Run by `make play` and `make test`.
#
#   scripts/setup.sh play   a C compiler, libpcap (headers and library), tcpdump, Rust
#   scripts/setup.sh test   the same and tshark: the tests let it dissect our captures
#
# WIRELAB_SETUP=check    names what is missing, installs nothing, exit 3 if something is
# WIRELAB_SETUP=skip     does nothing at all
set -eu

goal=${1:-play}
mode=${WIRELAB_SETUP:-install}
rust_needed=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' "$(dirname "$0")/../Cargo.toml")

say() { printf 'setup: %s\n' "$*" >&2; }
fail() { say "$*"; exit 3; }
have() { command -v "$1" >/dev/null 2>&1; }

[ "$mode" = skip ] && exit 0
[ -f "$HOME/.cargo/env" ] && . "$HOME/.cargo/env"

# --- what is missing: abstract names, turned into packages below -------------------------------

has_pcap_headers() {
    for dir in /usr/include /usr/local/include /opt/homebrew/include; do
        [ -f "$dir/pcap/pcap.h" ] && return 0
    done
    have xcrun && [ -f "$(xcrun --show-sdk-path 2>/dev/null)/usr/include/pcap/pcap.h" ]
}

missing=
have cc || missing="$missing cc"
has_pcap_headers || missing="$missing pcap"
have tcpdump || [ -x /usr/sbin/tcpdump ] || missing="$missing tcpdump"
if [ "$goal" = test ] && ! have tshark; then missing="$missing tshark"; fi

# --- the system's package manager ------------------------------------------------------------

package() { # manager, abstract name -> package
    case "$1:$2" in
        apt-get:cc) echo build-essential ;;
        apt-get:pcap) echo libpcap-dev ;;
        dnf:cc) echo gcc ;;
        dnf:pcap) echo libpcap-devel ;;
        dnf:tshark) echo wireshark-cli ;;
        pacman:cc) echo gcc ;;
        pacman:pcap) echo libpcap ;;
        pacman:tshark) echo wireshark-cli ;;
        brew:cc) echo gcc ;;
        brew:pcap) echo libpcap ;;
        brew:tshark) echo wireshark ;;
        *) echo "$2" ;;
    esac
}

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif have sudo; then
        say "asking sudo for: $*"
        sudo "$@"
    else
        fail "not root and no sudo; as root, run: $*"
    fi
}

install_with() { # manager, packages...
    manager=$1
    shift
    case "$manager" in
        apt-get)
            as_root apt-get update -qq
            # tshark asks whether others than root may capture; the tests only read files.
            as_root env DEBIAN_FRONTEND=noninteractive \
                apt-get install -y -qq --no-install-recommends "$@" >&2
            ;;
        dnf) as_root dnf install -y -q "$@" >&2 ;;
        pacman) as_root pacman -S --needed --noconfirm "$@" >&2 ;;
        brew) brew install --quiet "$@" >&2 ;;
    esac
}

if [ -n "$missing" ]; then
    manager=
    for candidate in apt-get dnf pacman brew; do
        if have "$candidate"; then
            manager=$candidate
            break
        fi
    done
    [ -n "$manager" ] || fail "missing:$missing; no apt-get, dnf, pacman or brew to install them"
    packages=
    for name in $missing; do packages="$packages $(package "$manager" "$name")"; done
    [ "$mode" = check ] && fail "missing:$missing; would install with $manager:$packages"
    say "missing:$missing"
    say "installing with $manager:$packages"
    # shellcheck disable=SC2086  # the list is split on purpose
    install_with "$manager" $packages
fi

# --- Rust ------------------------------------------------------------------------------------

rust_is_new_enough() {
    have cargo || return 1
    found=$(cargo --version | sed 's/^cargo \([0-9]*\.[0-9]*\).*/\1/')
    [ "$(printf '%s\n%s\n' "$rust_needed" "$found" | sort -V | head -n 1)" = "$rust_needed" ]
}

if ! rust_is_new_enough; then
    [ "$mode" = check ] && fail "missing: Rust $rust_needed or newer"
    if have rustup; then
        say "updating Rust with rustup: $rust_needed or newer is needed"
        rustup update stable >&2
        rust_is_new_enough || fail "still older than $rust_needed; try: rustup default stable"
    else
        have curl || fail "Rust $rust_needed or newer is needed: see https://rustup.rs"
        say "installing Rust into ~/.cargo with rustup (https://rustup.rs), profile minimal"
        curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs |
            sh -s -- -y --profile minimal --component rustfmt --component clippy >&2
    fi
fi
