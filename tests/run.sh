#!/bin/bash
# Installs what is needed, builds, and runs all tests:
#
#   tests/run.sh [--unit] [--full] [--no-lint] [NAME…]
#
#   --unit      lint and unit tests only: needs no root (when the packages are there) and no lab
#   --full      also clang-tidy over all files, unit tests under tsan, fuzzing for 30 s a
#               parser (with clang), mail servers of Debian 13, end-to-end tests of the sanitized program, and
#               contrib/try.sh and tests/run.sh on other machines (tests/machines): hours
#   --no-lint   no lint
#   NAME        only the tests whose name begins so: "unit_dns", or "10" for tests/e2e/10-….sh; no lint
#
# One line per step, details where one fails. The last line is "N passed, N failed, N skipped", counting unit tests,
# end-to-end scenes and lint steps; exit status 1 when one failed.
# shellcheck disable=SC2317,SC2329  # functions are called by name, as steps
set -uo pipefail

cd "$(dirname "$0")/.." || exit 1
unit_only='' full='' lint=yes names=()
for argument; do
  case $argument in
    --unit) unit_only=yes ;;
    --full) full=yes ;;
    --no-lint) lint='' ;;
    -*) sed -n '2,/^set/s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
    *) names+=("$argument") lint='' ;;
  esac
done

log=$(mktemp)
trap 'rm -f "$log"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
passed=0 failed=0 skipped=0

# ---- steps ------------------------------------------------------------------------------------------------------

# step TITLE CMD…: one line when it works, everything it printed when it does not. CMD may leave a word in $step_note.
step() {
  local title=$1 started=$EPOCHREALTIME verdict=0 tenths step_note=''
  shift
  "$@" >"$log" 2>&1 || verdict=$?
  tenths=$(((${EPOCHREALTIME/./} - ${started/./}) / 100000))
  if [ "$verdict" = 0 ]; then printf 'ok    '; else printf 'FAIL  '; fi
  printf '%s (%d.%d s)%s\n' "$title" $((tenths / 10)) $((tenths % 10)) "${step_note:+: $step_note}"
  if [ "$verdict" != 0 ]; then tail -n 200 "$log" | sed 's/^/      /'; fi
  return "$verdict"
}

# Steps that must work for others to make sense.
required() { step "$@" || { ((failed += 1)); finish; }; }
# Steps that are themselves what is counted.
counted() { if step "$@"; then ((passed += 1)); else ((failed += 1)); fi; }

finish() {
  echo "$passed passed, $failed failed, $skipped skipped"
  [ $failed = 0 ]
  exit
}

# ---- lint -------------------------------------------------------------------------------------------------------

# The repository may belong to somebody else than root.
git_here() { git -c safe.directory="$PWD" "$@"; }
# Also what is not committed yet, but not what is deleted.
files() {
  git_here ls-files --cached --others --exclude-standard -- "$@" 2>/dev/null |
    while read -r file; do if [ -e "$file" ]; then echo "$file"; fi; done
}

lint_format() { files '*.cc' '*.h' | xargs -r clang-format --dry-run -Werror; }

# Everything that says it is a shell script. What they source is checked with them.
lint_shell() {
  local file scripts=()
  while read -r file; do
    case $(head -c 64 "$file" | head -n 1 | tr -d '\0') in
      '#!/bin/sh'* | '#!/bin/bash'* | '#!/usr/bin/env bash'*) scripts+=("$file") ;;
    esac
  done < <(files)
  printf '%s\0' "${scripts[@]}" | xargs -0 -n 8 -P "$(nproc)" shellcheck
}

# A hook writes a file in one place, where everything that may fail is looked at.
lint_hooks() {
  ! files 'hooks/*' | grep -v README | xargs grep -nE '>>? ?"?\$' | grep -vF '>"$1.mxcert-new"'
}

lint_manual() {
  local pages
  mapfile -t pages < <(files 'contrib/man/*')
  mandoc -T lint -W warning "${pages[@]}"
}

# clang-tidy takes seconds a file: by default only files changed since the main branch (on it: in the last commit) are
# looked at, and never one again that was clean and of which nothing changed that it includes.
lint_tidy() {
  local file key included changed stamps=$PWD/build/tidy
  local tidy_one='clang-tidy --quiet -p build/tidy "$0" 2>/dev/null && touch "$1"'
  mkdir -p "$stamps"
  # As the program has a file, not as a unit test that brings it along, with a precompiled header that clang cannot read.
  jq 'map(select(.command | contains(" -o tests/") | not))' build/release/compile_commands.json >"$stamps/compile_commands.json"
  changed=$(changed_sources)
  ninja -C build/release -t deps | sources_and_headers |
    while read -r file included; do
      if [ -z "$full" ] && ! grep -qxF "$file" <<<"$changed"; then continue; fi
      # shellcheck disable=SC2086  # a list
      key=$(cat .clang-tidy "$file" $included | sha256sum | cut -c1-32)
      [ -e "$stamps/$key" ] || echo "$file $stamps/$key"
    done |
    xargs -r -n 2 -P "$(nproc)" sh -c "$tidy_one"
}

# A header is looked at through the file that implements it.
changed_sources() {
  local base
  base=$(git_here merge-base HEAD origin/main 2>/dev/null)
  if [ -z "$base" ] || [ "$base" = "$(git_here rev-parse HEAD)" ]; then base=HEAD~1; fi
  { git_here diff --name-only "$base" 2>/dev/null || files; files_untracked; } | sed -n 's/\.\(cc\|h\)$/.cc/p' | sort -u
}
files_untracked() { git_here ls-files --others --exclude-standard; }

# From what ninja knows: "src/base/clock.cc src/base/clock.h …" for each source, without the system's headers. Where ccache
# compiles, ninja knows them as seen from the build folder.
sources_and_headers() {
  awk -v root="$PWD/" '
    /^[^ ]/ { if (line) print line; line = "" }
    /^ / { file = $1; sub(/^\.\.\/\.\.\//, "", file)
           if (index(file, root) == 1) file = substr(file, length(root) + 1)
           if (file !~ /^\// && file !~ /^(build|\.\.)\//) line = line (line ? " " : "") file }
    END { if (line) print line }' | grep -E '^(acme|src)/[^ ]*\.cc' | sort -u -k 1,1
}

# lint_with TOOL STEP: each version of clang's tools has ideas of its own: that of Debian 12 decides.
lint_with() {
  local version decides=14
  version=$("$1" --version | sed -n 's/.*version \([0-9]*\).*/\1/p')
  if [ "$version" = $decides ]; then
    counted "lint: $1" "$2"
  else
    echo "skip  lint: $1: this is version $version, not $decides"
    ((skipped += 1))
  fi
}

lint() {
  lint_with clang-format lint_format
  counted 'lint: shellcheck' lint_shell
  counted 'lint: layers' tests/layers.sh
  counted 'lint: hooks write by write_file of hooks/lib.sh' lint_hooks
  if [ -n "$(files 'contrib/man/*')" ]; then counted 'lint: mandoc' lint_manual; fi
}

# ---- building and testing ------------------------------------------------------------------------------------------

build() { cmake --preset "$1" -DMXCERT_WERROR=ON && cmake --build --preset "$1"; }

# unit PRESET: the unit tests of a build. Counts Catch2's test cases, of which each program tells a summary.
unit() {
  local verdict=0 pattern='|.' ran=0 failures=0 skips=0 line
  [ ${#unit_names[@]} = 0 ] || pattern=$(printf '|^%s' "${unit_names[@]}")
  ctest --preset "$1" --parallel "$(nproc)" --verbose --no-tests=error --tests-regex "${pattern#|}" || verdict=$?
  while read -r line; do
    if [[ $line =~ All\ tests\ passed\ .*in\ ([0-9]+)\ test\ case ]]; then ((ran += BASH_REMATCH[1])); fi
    if [[ $line =~ test\ cases:\ +([0-9]+) ]]; then ((ran += BASH_REMATCH[1])); fi
    if [[ $line =~ test\ cases:.*\ ([0-9]+)\ failed ]]; then ((failures += BASH_REMATCH[1])); fi
    if [[ $line =~ test\ cases:.*\ ([0-9]+)\ skipped ]]; then ((skips += BASH_REMATCH[1])); fi
  done <"$log"
  # A program that crashed tells no summary.
  if [ "$verdict" != 0 ] && [ "$failures" = 0 ]; then ((failures += 1, ran += 1)); fi
  ((passed += ran - failures - skips, failed += failures, skipped += skips))
  step_note="$ran test cases"
  return "$verdict"
}

# What is between mxcert and the mail servers is run with those of Debian 13, too.
debian13_tests=(10 30 80-deploy-matrix 81 82-dovecot 83 88 89 90)

# end_to_end PRESET [NAME…]
end_to_end() {
  counting "end-to-end tests, $1${MXCERT_LAB_DEBIAN:+, Debian $MXCERT_LAB_DEBIAN}" tests/e2e/run --build "build/$1" "${@:2}"
}

# counting TITLE CMD…: CMD counts by itself, in its last line. Shows as it goes what fails and what is skipped.
counting() {
  local title=$1 started=$SECONDS counts='' verdict
  shift
  "$@" 2>&1 | tee "$log" | grep --line-buffered -vE '^ok |^[0-9]+ passed, '
  verdict=${PIPESTATUS[0]}
  counts=$(grep -E '^[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$' "$log" | tail -n 1)
  if [[ $counts =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed,\ ([0-9]+) ]]; then
    ((passed += BASH_REMATCH[1], failed += BASH_REMATCH[2], skipped += BASH_REMATCH[3]))
  else
    ((failed += 1))
  fi
  if [ "$verdict" = 0 ]; then printf 'ok    '; else printf 'FAIL  '; fi
  printf '%s (%d.0 s): %s\n' "$title" $((SECONDS - started)) "${counts:-did not run}"
}

# ---- all of it --------------------------------------------------------------------------------------------------

# With names, only what they need.
unit_names=() e2e_names=()
for name in ${names[@]+"${names[@]}"}; do
  case $name in unit*) unit_names+=("$name") ;; *) e2e_names+=("$name") ;; esac
done
wants_unit() { [ ${#names[@]} = 0 ] || [ ${#unit_names[@]} -gt 0 ]; }
wants_e2e() { [ -z "$unit_only" ] && { [ ${#names[@]} = 0 ] || [ ${#e2e_names[@]} -gt 0 ]; }; }

required 'packages' contrib/bootstrap.sh
[ -z "$lint" ] || lint
required 'build, release' build release
[ -z "$lint" ] || lint_with clang-tidy lint_tidy
if wants_unit; then
  step 'unit tests, release' unit release
  required 'build, asan and ubsan' build asan
  step 'unit tests, asan and ubsan' unit asan
  if [ -n "$full" ]; then
    required 'build, tsan' build tsan
    step 'unit tests, tsan' unit tsan
    if command -v clang++ >/dev/null; then
      required 'build, fuzz targets' build fuzz
      counted 'fuzzing, 30 s each' tests/fuzz/run 30
    else
      echo 'skip  fuzzing: no clang++'
      ((skipped += 1))
    fi
  fi
fi
if wants_e2e; then
  end_to_end release ${e2e_names[@]+"${e2e_names[@]}"}
  if [ ${#names[@]} = 0 ]; then
    if [ -n "$full" ]; then
      MXCERT_LAB_DEBIAN=13 end_to_end release "${debian13_tests[@]}"
    else
      echo 'skip  end-to-end tests with Debian 13: with --full only'
      ((skipped += 1))
    fi
  fi
  if [ -n "$full" ] && wants_unit; then end_to_end asan ${e2e_names[@]+"${e2e_names[@]}"}; fi
  if [ -n "$full" ] && [ ${#names[@]} = 0 ]; then counting 'on other machines' tests/machines/run; fi
fi
finish
