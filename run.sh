#!/usr/bin/env bash
# The one door: sees to the tools, builds the host program when its sources changed, and
# hands everything over to it. What there is to say: ./run.sh help
set -euo pipefail

here=$(readlink -f -- "${BASH_SOURCE[0]}")
root=${here%/*}
program=$root/target/host/release/roentgen
# The oldest rustc that builds the kernel; Debian 12's plain `rustc` is far older.
oldest_rustc=90
export ROENTGEN_ROOT=$root
# A released compiler then takes the unstable options that a kernel (and crate acpi) needs.
export RUSTC_BOOTSTRAP=1

fail() {
    echo "roentgen: $*" >&2
    exit 125
}

can_be_root() {
    [[ $EUID == 0 ]] || sudo -n true 2>/dev/null
}

as_root() {
    if [[ $EUID == 0 ]]; then
        DEBIAN_FRONTEND=noninteractive "$@" >&2
    else
        sudo -n env DEBIAN_FRONTEND=noninteractive "$@" >&2
    fi
}

# Debian 12's own QEMU is old; its backports have a newer one. Uses the server that the
# system already uses, and leaves nothing behind where it has no backports.
add_backports() {
    local list=/etc/apt/sources.list.d/roentgen-backports.list uri
    [[ $(. /etc/os-release && echo "${VERSION_CODENAME-}") == bookworm ]] || return 0
    apt-cache policy | grep -q 'n=bookworm-backports' && return 0
    uri=$(apt-get indextargets --format '$(REPO_URI) $(CODENAME) $(COMPONENT)' 'Identifier: Packages' |
        awk '$2 == "bookworm" && $3 == "main" { print $1; exit }')
    [[ -n $uri ]] || return 0
    echo "deb $uri bookworm-backports main" | as_root tee "$list"
    as_root apt-get -q update || { as_root rm -f "$list"; as_root apt-get -q update; }
}

install_packages() {
    local packages=("$@")
    command -v apt-get >/dev/null || fail "please install what is missing: ${packages[*]}"
    # Where that needs a password: the line to type.
    can_be_root || fail "please install what is missing: sudo apt-get install -y ${packages[*]}"
    echo "roentgen: installing ${packages[*]}" >&2
    as_root apt-get -q update
    local options=(-q -y --no-install-recommends)
    if [[ " ${packages[*]} " == *' qemu-system-x86 '* ]]; then
        add_backports
        apt-cache policy | grep -q 'n=bookworm-backports' &&
            as_root apt-get install "${options[@]}" -t bookworm-backports qemu-system-x86
    fi
    as_root apt-get install "${options[@]}" "${packages[@]}"
}

# Whether a rustc is new enough and has the sources that the kernel's std is built from.
is_fit() {
    local minor sysroot
    [[ -x $1/cargo && -x $1/rustc ]] || return 1
    minor=$("$1/rustc" -V 2>/dev/null | sed -n 's/^rustc 1\.\([0-9]*\)\..*/\1/p')
    sysroot=$("$1/rustc" --print sysroot 2>/dev/null)
    [[ ${minor:-0} -ge $oldest_rustc && -d $sysroot/lib/rustlib/src/rust/library/std ]]
}

find_toolchain() {
    is_fit /usr/bin && { echo /usr/bin; return; }
    local sysroot
    if sysroot=$(RUSTUP_AUTO_INSTALL=0 rustup run nightly rustc --print sysroot 2>/dev/null) &&
        is_fit "$sysroot/bin"; then
        echo "$sysroot/bin"
        return
    fi
    return 1
}

choose_toolchain() {
    local bin chosen=$root/target/toolchain
    if ! bin=$(find_toolchain); then
        install_packages ca-certificates gcc libc6-dev \
            rustc-web cargo-web rust-web-src rustfmt-web rust-web-clippy
        bin=$(find_toolchain) ||
            fail "no Rust with sources: Debian's rustc-web and rust-web-src, or a rustup nightly with rust-src"
    fi
    [[ $bin != /usr/bin ]] || command -v gcc >/dev/null || install_packages gcc libc6-dev
    mkdir -p "$root/target"
    printf '%s/cargo\n%s/rustc\n' "$bin" "$bin" >"$chosen"
}

build_program() {
    [[ -s $root/target/toolchain ]] || choose_toolchain
    local tools output stamp=$root/target/host/roentgen.stamp
    mapfile -t tools <"$root/target/toolchain"
    [[ -x ${tools[0]} ]] || { choose_toolchain; mapfile -t tools <"$root/target/toolchain"; }
    mkdir -p "$root/target/host"
    [[ -x $program ]] || echo "roentgen: building the host program, once" >&2
    # From before the build: what changes while it runs is built next time. Of this process:
    # another may build at the same time.
    touch "$stamp.$$"
    if ! output=$(cd "$root" && env -u RUSTFLAGS -u CARGO_TARGET_DIR RUSTC="${tools[1]}" PATH="${tools[0]%/*}:$PATH" \
        "${tools[0]}" build --release -p tests --bins --target-dir target/host 2>&1); then
        rm -f "$stamp.$$"
        printf '%s\n' "$output" >&2
        fail "the host program does not build"
    fi
    mv "$stamp.$$" "$stamp"
}

# A changed, added or removed file shows in its own or its directory's ctime, which
# nobody can set back.
is_current() {
    local stamp=$root/target/host/roentgen.stamp
    [[ -x $program && -f $stamp && -s $root/target/toolchain ]] &&
        [[ -z $(find "$root/Cargo.toml" "$root/tests/Cargo.toml" "$root/tests/src" \
            "$root/python/abi" "$root/.cargo" -newercm "$stamp" -print -quit) ]]
}

if [[ ${1-} == install ]]; then
    shift
    install_packages "$@"
    exit
fi
is_current || build_program
exec "$program" "$@"
