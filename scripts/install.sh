# Sourced by the other scripts: messages, and the installation of what is missing.

say() {
    echo "$(basename "$0"): $*" >&2
}

fail() {
    say "$*"
    exit 1
}

# install_packages WHAT PACKAGE…: installs Debian packages as root; otherwise says what to install and ends.
install_packages() {
    local what=$1
    shift
    if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
        fail "$what is missing. On Debian or Ubuntu: sudo apt-get install $*"
    fi
    say "installing $what ($*)"
    {
        apt-get update -qq
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq -o Dpkg::Use-Pty=0 --no-install-recommends "$@"
    } </dev/null >&2
}

# The bundled SQLite, libpq and OpenSSL are compiled from source. OpenSSL's configuration needs more of
# Perl than Debian's perl-base has.
need_build_tools() {
    if ! command -v cc >/dev/null || ! command -v make >/dev/null ||
        ! perl -MFindBin -MIPC::Cmd -MTime::Piece -e 1 2>/dev/null; then
        install_packages "a C compiler, make or Perl" gcc libc6-dev make perl
    fi
}
