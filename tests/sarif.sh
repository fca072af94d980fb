#!/usr/bin/env bash
# Holds `tt rules check --format sarif` to a validator of SARIF 2.1.0, the Sarif.Multitool of npm.
#
#   cargo build && tests/sarif.sh
#
# Where the validator cannot be installed, says so and passes.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
tt="${TT:-$PWD/target/debug/tt}"
[ -x "$tt" ] || { echo "missing: $tt; run cargo build, or say TT=…" >&2; exit 1; }
skip() {
    echo "skipped: $*"
    exit 0
}

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
command -v npm >/dev/null || skip "no npm to install the validator with"
package="@microsoft/sarif-multitool-linux"
[ "$(uname -s)" = Darwin ] && package="@microsoft/sarif-multitool-darwin"
npm install --prefix "$folder" --no-audit --no-fund "$package" >"$folder/npm.log" 2>&1 ||
    skip "the validator could not be installed: $(tail -n 1 "$folder/npm.log")"
validator="$folder/node_modules/$package/Sarif.Multitool"
chmod +x "$validator"
"$validator" version >/dev/null 2>&1 || skip "the validator does not run on this machine"

# How many results of a log break the standard: the schema (JSON…) or its prose (SARIF1…).
breaches() {
    "$validator" validate "$1" --level "Error;Warning" --output "$folder/said.sarif" \
        --log ForceOverwrite >"$folder/out" 2>&1 || { cat "$folder/out" >&2; exit 1; }
    grep -cE '"ruleId": *"(JSON|SARIF1)[0-9]+"' "$folder/said.sarif" || true
}

log="$folder/tt.sarif"
HOME=/home/sami "$tt" rules check --exit-zero --warn overlap --format sarif \
    tests/rules/findings/*.toml rules-examples/*.toml >"$log"
found="$(breaches "$log")"
[ "$found" = 0 ] || { cat "$folder/said.sarif"; exit 1; }

# The validator must be able to say no.
sed 's/"startLine"/"stratLine"/' "$log" >"$folder/broken.sarif"
[ "$(breaches "$folder/broken.sarif")" != 0 ] || { echo "the validator accepts anything" >&2; exit 1; }
echo "accepted: $(grep -c '"ruleIndex"' "$log") results, as SARIF 2.1.0"
