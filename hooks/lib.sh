# shellcheck shell=sh
# What several hooks share. It is read by them, not run: . "$(dirname "$(readlink -f "$0")")/lib.sh"

role=${MXCERT_ROLE:-default}

fail() {
  printf '%s\n' "$*" >&2
  exit 1
}

### What describe prints. An item is a JSON object on one line, so that a function may print one or several.

# What a hook's describe says if nothing else is found. $warnings are one a line; $files and $listeners it always sets.
running=false configured=true configurable=false missing='' warnings=''

# print_description DAEMON: its name and version, and all these
print_description() {
  cat <<JSON
{ "version": 1,
  "daemon": $(json_text "$1"),
  "running": $running,
  "configured": $configured,
  "configurable": $configurable,
  "missing_configuration": $(json_text "$missing"),
  "warnings": $(json_texts "$warnings"),
  "files": $(json_list "$files"),
  "listeners": $(json_list "$listeners") }
JSON
}

# json_text TEXT: as a JSON string, line breaks and all
json_text() {
  printf '"%s"' "$(printf '%s\n' "$1" | tr -d '\000-\010\013-\037\177' | tr '\t' ' ' | sed -e 's/[\\"]/\\&/g' |
    awk '{ printf "%s%s", line_end, $0; line_end = "\\n" }')"
}

# json_list ITEMS
json_list() {
  printf '[%s]' "$(printf '%s\n' "$1" | sed '/^$/d' | paste -sd, -)"
}

# json_texts LINES: a list of strings
json_texts() {
  json_list "$(printf '%s\n' "$1" | sed '/^$/d' | while IFS= read -r line; do json_text "$line" && echo; done)"
}

# print_file PATH CONTENT OWNER GROUP MODE [KEY_TYPE]
print_file() {
  printf '{"path": %s, "content": "%s", "owner": "%s", "group": "%s", "mode": "%s"%s}\n' \
    "$(json_text "$1")" "$2" "$3" "$4" "$5" "${6:+, \"key_type\": \"$6\"}"
}

# print_listener ADDRESS PORT PROTOCOL TLS
print_listener() {
  printf '{"address": "%s", "port": %s, "protocol": "%s", "tls": "%s"}\n' "$@"
}

# attributes_of PATH CONTENT OWNER GROUP MODE [COMMAND…]: the file's own OWNER GROUP MODE if the daemon can read it and
# not everybody its key, else those given. COMMAND runs another as the daemon's user; without one the daemon is root.
attributes_of() {
  attributes_path=$1 attributes_content=$2 attributes_otherwise="$3 $4 $5"
  shift 5
  if [ -e "$attributes_path" ] && "$@" test -r "$attributes_path"; then
    # shellcheck disable=SC2046 # three words
    set -- $(stat -L -c '%u %g %a' "$attributes_path")
    case $attributes_content-$3 in
      *-*[2367]? | *-*[2367] | privkey-*[1-7] | bundle*-*[1-7]) ;;
      *) printf '%s %s 0%s\n' "$1" "$2" "$3" && return ;;
    esac
  fi
  printf '%s\n' "$attributes_otherwise"
}

# print_pem PATH CONTENT [KEY_TYPE]: what $daemon reads, as $pem_attributes (OWNER GROUP MODE) and $as_daemon (COMMAND…, or
# nothing) have it for attributes_of
print_pem() {
  case $1 in /*) ;; *) fail "$daemon's certificate or key is not an absolute path: \"$1\"" ;; esac
  # shellcheck disable=SC2046,SC2086 # words
  print_file "$1" "$2" $(attributes_of "$1" "$2" $pem_attributes $as_daemon) "${3:-}"
}

# print_pair CERTIFICATE KEY [KEY_TYPE]
print_pair() {
  if [ "$1" = "$2" ]; then
    print_pem "$1" bundle "${3:-}"
  else
    print_pem "$2" privkey "${3:-}" && print_pem "$1" fullchain "${3:-}"
  fi
}

# require_directory FILE: that it has one, which the daemon may enter
require_directory() {
  directory=$(dirname "$1")
  [ -d "$directory" ] || fail "there is no directory $directory, where $daemon's configuration says that its certificate is"
  $as_daemon test -x "$directory" || fail "$daemon's user may not enter $directory"
}

# Debian's certificate for all programs, which nobody verifies: as good as none, and not the daemon's own.
is_snakeoil() {
  case $(readlink -f "$1") in */ssl-cert-snakeoil.*) ;; *) return 1 ;; esac
}

# port_number PORT: of a name in /etc/services too
port_number() {
  case $1 in
    *[!0-9]*) getent services "$1/tcp" | sed -n 's,^[^ ]* *\([0-9]*\)/.*,\1,p' ;;
    *) printf '%s\n' "$1" ;;
  esac
}

# pids_of PROGRAM: the processes that run this file
pids_of() {
  program=$(readlink -f "$1")
  for process in /proc/[0-9]*; do
    case $(readlink "$process/exe" 2>/dev/null) in "$program" | "$program (deleted)") printf '%s\n' "${process#/proc/}" ;; esac
  done
}

# pid_in FILE PROGRAM: the process id there, if that is a program whose name begins so, and not a stranger who has got the
# number since; else nothing
pid_in() {
  pid=
  { read -r pid <"$1"; } 2>/dev/null || :
  case $(readlink "/proc/${pid:-none}/exe") in */"$2"*) printf '%s\n' "$pid" ;; esac
}

# listening PIDS: `ADDRESS PORT` of each TCP socket that these processes listen on, as the kernel knows
listening() {
  [ -n "$1" ] && command -v ss >/dev/null || return 0
  ss -Hltnp | awk -v pids="$1" '
    BEGIN { count = split(pids, pid) }
    {
      ours = 0
      for (i = 1; i <= count; i++) if (index($0, "pid=" pid[i] ",")) ours = 1
      port = address = $4
      sub(/.*:/, "", port)
      sub(/:[0-9]*$/, "", address)
      gsub(/[][]/, "", address)
      if (!ours || address ~ /%/) next
      if (address == "*") print "0.0.0.0", port
      print address == "*" ? "::" : address, port
    }' | sort -u
}

# print_listening PIDS: these as listeners, their protocol as the port says
print_listening() {
  listening "$1" | while read -r address port; do
    case $port in
      465) print_listener "$address" "$port" smtp implicit ;;
      143) print_listener "$address" "$port" imap starttls ;;
      993) print_listener "$address" "$port" imap implicit ;;
      110) print_listener "$address" "$port" pop3 starttls ;;
      995) print_listener "$address" "$port" pop3 implicit ;;
      *) print_listener "$address" "$port" smtp starttls ;;
    esac
  done
}

### The second key type, and further certificates

# has_key_type TYPE: whether the certificate comes with such a key
has_key_type() {
  case " ${MXCERT_KEY_TYPES:-} " in *" $1 "*) ;; *) return 1 ;; esac
}

# further_key_type: the second one; nothing when there is none
further_key_type() {
  case ${MXCERT_KEY_TYPES:-} in *' '*) printf '%s\n' "${MXCERT_KEY_TYPES##* }" ;; esac
}

# key_type_of FILE: of the first key or certificate in it, by the algorithm's object identifier; nothing if that is neither
key_type_of() {
  block=$(sed -n '/^-----BEGIN/,/^-----END/{/^-----END/q;p;}' "$1" 2>/dev/null) || return 0
  case $block in
    *'BEGIN RSA PRIVATE KEY'*) echo rsa && return ;;
    *'BEGIN EC P'*) echo ecdsa && return ;;
  esac
  case $(printf '%s\n' "$block" | sed 1d | base64 -d 2>/dev/null | od -An -v -tx1 | tr -d ' \n') in
    *2a864886f70d010101*) echo rsa ;;
    *2a8648ce3d0201*) echo ecdsa ;;
  esac
}

# FILES, one a line: `KEY_TYPE FILE` for each, the type that it holds already or the next that no other file has. A single
# file gets the primary one, and with more files than keys several do: nothing is left to expire.
with_key_types() {
  printf '%s\n' "$1" | while IFS= read -r file; do printf '%s %s\n' "$(key_type_of "$file")" "$file"; done |
    awk -v types="${MXCERT_KEY_TYPES:-}" '
      function give(i, t) { given[i] = t; taken[t] = 1 }
      BEGIN { count = split(types, type, " "); for (i = 1; i <= count; i++) wanted[type[i]] = 1 }
      { held = $0; sub(/ .*/, "", held); sub(/^[^ ]* /, ""); file[NR] = $0 }
      (held in wanted) && !(held in taken) { give(NR, held) }
      END {
        if (NR == 1) give(1, type[1])
        for (i = 1; i <= NR; i++) {
          for (t = 1; t <= count && !(i in given); t++) if (!(type[t] in taken)) give(i, type[t])
          print ((i in given) ? given[i] : type[1]) " " file[i]
        }
      }'
}

# leaves FILE: it is still there, and mxcert removes it as soon as this is done
leaves() {
  printf %s "${MXCERT_LEAVING:-}" | grep -qxF "$(readlink -f "$1")"
}

# lines_that_stay LINES: without those that end with the name of a file that leaves
lines_that_stay() {
  printf '%s\n' "$1" | sed '/^$/d' | awk -v leaving="${MXCERT_LEAVING:-}" '
    BEGIN { count = split(leaving, file, "\n") }
    { for (i = 1; i <= count; i++) if (file[i] != "" && substr($0, length($0) - length(file[i]) + 1) == file[i]) next; print }'
}

# sni_bundles DIRECTORY [WITHOUT]: the certificates there that stay (FILE.pem beside FILE.names), one a line. WITHOUT is one
# that is about to go.
sni_bundles() {
  for sni_names in "$1/${MXCERT_NAME:-}.names" "$1"/*.names; do
    sni_bundle=${sni_names%.names}.pem
    if [ "$sni_bundle" = "$1/${2:-}.pem" ] || [ ! -s "$sni_bundle" ] || leaves "$sni_bundle"; then continue; fi
    printf '%s\n' "$sni_bundle"
  done
}

# sni_entries DIRECTORY [WITHOUT]: `NAME FILE`, one a line, of these certificates, each name once. The certificate that is
# being put into service has all of its names, those of the default one (in the file `default`, where a hook writes them)
# belong to no other.
sni_entries() {
  sni_bundles "$@" | while IFS= read -r sni_bundle; do
    sed "/./s,\$, $sni_bundle," "${sni_bundle%.pem}.names"
  done | awk -v own="$1/${MXCERT_NAME:-}.pem" -v names="$(cat "$1/default" 2>/dev/null)" '
    BEGIN { count = split(names, name, "\n"); for (i = 1; i <= count; i++) is_default[name[i]] = 1 }
    NF == 2 && !($1 in seen) && ($2 == own || !($1 in is_default)) { seen[$1] = 1; print }'
}

# default_names: what goes into the file `default` when the default certificate is put into service
default_names() {
  echo '# not shown by SNI: the default certificate has'
  printf '%s\n' "${MXCERT_NAMES:-}" | tr ' ' '\n'
}

### The daemon's configuration. What a hook writes there is a block between marks, in a file of its own or at the end of
### the administrator's. The mark says what to leave behind when it goes: no file, or one without a line break at its end.

# replace FILE: by what comes from standard input, in one step, owner and mode kept
replace() {
  replaced=$(readlink -f "$1")
  cp -p "$replaced" "$replaced.mxcert-new"
  cat >"$replaced.mxcert-new"
  sync "$replaced.mxcert-new"
  mv -f "$replaced.mxcert-new" "$replaced"
}

marked_block() {
  printf '%s\n' "# BEGIN mxcert: for the certificate that mxcert keeps. Taken away by mxcert$1" "$2" '# END mxcert'
}

# add_block FILE LINES
add_block() {
  if [ ! -e "$1" ]; then
    (umask 022 && marked_block ' (new file)' "$2" >"$1.mxcert-new")
    mv -f "$1.mxcert-new" "$1"
  elif [ -z "$(tail -c 1 "$1")" ]; then
    { cat "$1" && marked_block '' "$2"; } | replace "$1"
  else
    { cat "$1" && echo && marked_block ' (no line break before)' "$2"; } | replace "$1"
  fi
}

# remove_block FILE: byte for byte what it was before
remove_block() {
  block_mark=$(grep -s '^# BEGIN mxcert' "$1") || return 0
  block_rest=$(sed '/^# BEGIN mxcert/,/^# END mxcert/d' "$1" && echo .)
  block_rest=${block_rest%.}
  case $block_mark in
    *'(new file)'*) [ -n "$block_rest" ] || { rm -f "$1" && return; } ;;
    *'(no line break before)'*) block_rest=${block_rest%
} ;;
  esac
  printf %s "$block_rest" | replace "$1"
}

# block_lines FILE: what is between the marks; nothing when there are none
block_lines() {
  sed -n '/^# BEGIN mxcert/,/^# END mxcert/{/^# BEGIN mxcert/d;/^# END mxcert/d;p;}' "$1" 2>/dev/null || :
}

# set_block FILE LINES: they take the place of those between the marks; without LINES the block goes
set_block() {
  if [ -z "$2" ]; then
    remove_block "$1"
  elif grep -qs '^# BEGIN mxcert' "$1"; then
    BLOCK=$2 awk '/^# END mxcert/ { inside = 0 } !inside { print } /^# BEGIN mxcert/ { print ENVIRON["BLOCK"]; inside = 1 }' "$1" |
      replace "$1"
  else
    add_block "$1" "$2"
  fi
}
