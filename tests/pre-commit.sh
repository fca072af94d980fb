#!/usr/bin/env bash
# Runs the hooks of .pre-commit-hooks.yaml by the real pre-commit, in a scratch repository.
#
#   cargo build && tests/pre-commit.sh          # the hook for an installed tt: seconds
#   tests/pre-commit.sh rust                    # the hook that builds tt from source: minutes
#
# pre-commit comes from PyPI, into a temporary folder. Where it cannot be installed, this says so
# and passes.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
root="$PWD"
variant="${1:-system}"
skip() {
    echo "skipped: $*"
    exit 0
}
fail() {
    echo "FAILED: $*" >&2
    echo "--- pre-commit said:" >&2
    cat "$folder/out" >&2
    exit 1
}

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
git rev-parse --git-dir >/dev/null 2>&1 || skip "no git, or this is no git checkout"
command -v python3 >/dev/null || skip "no python3 to install pre-commit with"
python3 -m venv "$folder/venv" >"$folder/out" 2>&1 || skip "python3 cannot make a venv"
"$folder/venv/bin/pip" install --quiet pre-commit >"$folder/out" 2>&1 ||
    skip "pre-commit could not be installed: $(tail -n 1 "$folder/out")"

# Nothing of the person who runs this, and nothing of a hook that this may run in.
unset GIT_DIR GIT_INDEX_FILE GIT_WORK_TREE
export RUSTUP_HOME="${RUSTUP_HOME:-$HOME/.rustup}"
export HOME="$folder" PRE_COMMIT_HOME="$folder/cache" GIT_CONFIG_GLOBAL=/dev/null PRE_COMMIT_COLOR=never
export GIT_AUTHOR_NAME=tt GIT_AUTHOR_EMAIL=tt@example.org
export GIT_COMMITTER_NAME=tt GIT_COMMITTER_EMAIL=tt@example.org
export PATH="$folder/venv/bin:$PATH"
pre-commit --version

mkdir -p "$folder/scratch/dotfiles/tt"
cd "$folder/scratch"
git init --quiet .
rule() {
    printf '[[rules.auto_tag]]\nname = "%s"\nmatch = { %s = "%s" }\ntags = ["%s"]\n\n' "$@"
}
rule Acme primary_cwd '/work/acme/*' acme >dotfiles/tt/config.toml
rule Acme primary_cwd '/work/acme/*' acme >rules.toml
# Not ours, whatever is in it.
printf '[rules]\nmine = true\n' >other.toml
git add .

# The hook "$1" on all files: it fails for the one with a mistake, and does not read those that are
# none of ours. try-repo builds the hook anew each time, so it is asked once.
broken_file_fails() {
    rule Broken pathh '/work/*' broken >rules-broken.toml
    git add rules-broken.toml
    if pre-commit try-repo "$root" "$1" --all-files >"$folder/out" 2>&1; then
        fail "a broken file passes"
    fi
    grep -q 'tt rules check\.*Failed' "$folder/out" || fail "it was not the check that failed"
    line="Error: rules-broken.toml line 3: unknown field 'pathh' in match block"
    grep -qxF "$line" "$folder/out" || fail "no line '$line'"
    for sound in dotfiles/tt/config.toml rules.toml; do
        grep -qF "$sound: 1 rule loaded, all valid" "$folder/out" || fail "$sound is not valid"
    done
    if grep -qF other.toml "$folder/out"; then
        fail "a file was checked that is none of ours"
    fi
    git rm --quiet --force rules-broken.toml
    echo "try-repo $1: fails for a broken file, and for that alone"
}

sound_files_pass() {
    pre-commit try-repo "$root" "$1" --all-files >"$folder/out" 2>&1 || fail "a sound file fails"
    grep -q 'tt rules check\.*Passed' "$folder/out" || fail "nothing was checked"
    echo "try-repo $1: passes without it"
}

case "$variant" in
system)
    tt="${TT:-$root/target/debug/tt}"
    [ -x "$tt" ] || { echo "missing: $tt; run cargo build, or say TT=…" >&2; exit 1; }
    mkdir "$folder/bin"
    ln -s "$tt" "$folder/bin/tt"
    export PATH="$folder/bin:$PATH"
    broken_file_fails tt-rules-check-system
    sound_files_pass tt-rules-check-system
    ;;
rust)
    command -v cargo >/dev/null || skip "no cargo to build tt with"
    broken_file_fails tt-rules-check
    exit 0
    ;;
*)
    echo "usage: tests/pre-commit.sh [system|rust]" >&2
    exit 2
    ;;
esac

# As a real hook: what a commit meets, with warnings denied.
cat >.pre-commit-config.yaml <<'END'
repos:
  - repo: local
    hooks:
      - id: tt-rules-check
        name: tt rules check
        entry: tt rules check --deny warnings
        language: system
        files: (^|/)(tt/config|rules[^/]*)\.toml$
END
pre-commit install >/dev/null
git add .
git commit --quiet -m "sound rules" >"$folder/out" 2>&1 || fail "sound rules cannot be committed"
rule "Acme, secret" primary_cwd '/work/acme/secret/*' secret >>rules.toml
git add .
if git commit --quiet -m "a rule that can never win" >"$folder/out" 2>&1; then
    fail "a rule that can never win was committed"
fi
grep -qF "rule 'Acme, secret' can never win" "$folder/out" || fail "the reason is not shown"
[ "$(git rev-list --count HEAD)" = 1 ] || fail "there is more than one commit"
echo "git commit: sound rules are committed, a rule that can never win is not"
