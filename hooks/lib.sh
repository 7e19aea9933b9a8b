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
  printf '%s\n' "$1" | awk -v leaving="${MXCERT_LEAVING:-}" '
    BEGIN { count = split(leaving, file, "\n") }
    $0 != "" { for (i = 1; i <= count; i++) if (file[i] != "" && substr($0, length($0) - length(file[i]) + 1) == file[i]) next; print }'
}

### Further certificates: in $sni_directory FILE.pem beside FILE.names of each, `default`, and $sni_map, which is made of them

# print_sni_files: a bundle for each key, and the names
print_sni_files() {
  further=$(further_key_type)
  print_pem "$sni_directory/$MXCERT_NAME.pem" bundle
  if [ -n "$further" ] || [ -e "$sni_directory/$MXCERT_NAME+2.pem" ]; then
    print_pem "$sni_directory/$MXCERT_NAME+2.pem" bundle "$further"
  fi
  print_file "$sni_directory/$MXCERT_NAME.names" names root root 0644
}

# sni_bundles [WITHOUT]: the certificates there that stay, one a line. WITHOUT is one that is about to go.
sni_bundles() {
  for sni_names in "$sni_directory/${MXCERT_NAME:-}.names" "$sni_directory"/*.names; do
    sni_bundle=${sni_names%.names}.pem
    if [ "$sni_bundle" = "$sni_directory/${1:-}.pem" ] || [ ! -s "$sni_bundle" ] || leaves "$sni_bundle"; then continue; fi
    printf '%s\n' "$sni_bundle"
  done
}

# second_bundle FILE: that of the same certificate with the other key; nothing when there is none, or it goes
second_bundle() {
  if [ -s "${1%.pem}+2.pem" ] && ! leaves "${1%.pem}+2.pem"; then printf '%s\n' "${1%.pem}+2.pem"; fi
}

# sni_entries [WITHOUT]: `NAME FILE`, one a line, of these certificates, each name once. The certificate that is being put
# into service has all of its names, those of the default one belong to no other. Fails when a list of names cannot be read.
sni_entries() {
  others=$sni_directory/default
  [ -e "$others" ] || others=/dev/null
  printf '%s\n' "$(sni_bundles "$@")" | awk -v own="$sni_directory/${MXCERT_NAME:-}.pem" -v others="$others" '
    function read_name(path) {
      if ((got = (getline name < path)) < 0) { print path " cannot be read" >"/dev/stderr"; exit 1 }
      return got
    }
    BEGIN { while (read_name(others)) is_default[name] = 1 }
    $0 != "" {
      list = bundle = $0
      sub(/\.pem$/, ".names", list)
      while (read_name(list)) {
        if (name !~ /^[^ \t]+$/ || name in seen || (bundle != own && name in is_default)) continue
        seen[name] = 1
        print name, bundle
      }
      close(list)
    }'
}

# make_sni [WITHOUT]: the map of all that stay, by the hook's `make_map ENTRIES`. One without entries is made only where its
# is_map_named says that the daemon's configuration names it; else nothing is left, and its remove_map is called.
make_sni() {
  [ -d "$sni_directory" ] || return 0
  if [ -z "$(sni_bundles "$@")" ] && ! is_map_named; then
    remove_map
    rm -f "$sni_directory/default"
    rmdir "$sni_directory" 2>/dev/null || : # files that leave are still there
    return
  fi
  entries=$(sni_entries "$@") || fail "cannot make $sni_map"
  make_map "$entries"
}

# note_default_names: when the default certificate is put into service
note_default_names() {
  if [ "$role" != default ] || [ ! -d "$sni_directory" ]; then return; fi
  names=$(printf '%s\n' "${MXCERT_NAMES:-}" | tr ' ' '\n') || exit 1
  write_file "$sni_directory/default" "# not shown by SNI: the default certificate has
$names
" 0600 root:root
}

# leaving_certificate: that a rollback takes out of the configuration; nothing when it only goes back to other files
leaving_certificate() {
  [ "${MXCERT_CONFIGURE:-0}" != 1 ] || printf '%s\n' "${MXCERT_NAME:-}"
}

### Files that a hook writes itself

line_break='
'

# read_text FILE: $text becomes what it holds, to the byte; nothing when it is not there
read_text() {
  text=
  [ -e "$1" ] || return 0
  text=$(cat "$1" && echo .) || fail "cannot read $1"
  text=${text%.}
  printf %s "$text" | cmp -s - "$1" || fail "$1 is no text: it is left alone"
}

# write_file FILE TEXT [MODE OWNER:GROUP]: the only way in which a hook writes a file. After it FILE holds TEXT, to the byte;
# or it is what it was, nothing lies beside it, and the hook has failed. Without MODE it keeps its mode and owner.
#
# `set -e` does nothing for what is called in a condition or left of && or ||, and nothing at all notices a failure left of a
# pipe. So TEXT is complete before this begins, and each step is looked at. Not to be called in a subshell, which is all that
# would end.
write_file() {
  written=$(readlink -f "$1") || fail "cannot write $1: there is no such directory"
  if printf %s "$2" | cmp -s - "$written"; then # a full disk is not in the way of what needs no room
    set_attributes "$written" "${3:-}" "${4:-}" || fail "cannot write $1"
    return
  fi
  problem=$(write_beside "$written" "$2" "${3:-}" "${4:-}" 2>&1) && return
  rm -f "$written.mxcert-new"
  fail "cannot write $1: $problem"
}

# write_beside FILE TEXT MODE OWNER:GROUP: and renames it when it is all there
write_beside() {
  rm -f "$1.mxcert-new" || return
  if [ -n "$3" ]; then
    : >"$1.mxcert-new" && set_attributes "$1.mxcert-new" "$3" "$4" || return
  else
    cp -p --attributes-only "$1" "$1.mxcert-new" || return
  fi
  printf %s "$2" | cat >"$1.mxcert-new" || return
  sync "$1.mxcert-new" || return
  printf %s "$2" | cmp - "$1.mxcert-new" || return
  mv -f "$1.mxcert-new" "$1"
}

# set_attributes FILE MODE OWNER:GROUP: as they are where these are empty
set_attributes() {
  [ -z "$2" ] || { chown "$3" "$1" && chmod "$2" "$1"; }
}

### The daemon's configuration. What a hook writes there is a block between marks, in a file of its own or at the end of
### the administrator's. The mark says what to leave behind when it goes: no file, or one without a line break at its end.

# block_lines FILE: what is between the marks; nothing when there are none
block_lines() {
  read_text "$1"
  printf %s "$text" | sed -n '/^# BEGIN mxcert/,/^# END mxcert/{/^# BEGIN mxcert/d;/^# END mxcert/d;p;}'
}

# set_block FILE LINES: they take the place of those between the marks, or are added at its end; without LINES the block
# goes, and the file is what it was before, to the byte
set_block() {
  read_text "$1"
  block_mark=$(printf %s "$text" | sed -n '/^# BEGIN mxcert/{p;q;}') || fail "cannot change $1"
  before_block=$(printf %s "$text" | sed '/^# BEGIN mxcert/,$d' && echo .) || fail "cannot change $1"
  from_end=$(printf %s "$text" | sed -n '/^# BEGIN mxcert/,${/^# END mxcert/,$p;}' && echo .) || fail "cannot change $1"
  before_block=${before_block%.} from_end=${from_end%.}
  case $text in "$before_block$block_mark"*"$from_end") ;; *) fail "cannot change $1" ;; esac
  if [ -n "$block_mark" ] && [ -z "$from_end" ]; then fail "$1: no line \"# END mxcert\" follows \"$block_mark\""; fi
  if [ -z "$2" ]; then
    [ -z "$block_mark" ] || remove_block "$1"
  elif [ -n "$block_mark" ]; then
    write_file "$1" "$before_block$block_mark$line_break$2$line_break$from_end"
  else
    add_block "$1" "$2"
  fi
}

# remove_block FILE: of which before_block, block_mark and from_end are
remove_block() {
  rest=$(printf %s "$from_end" | sed 1d && echo .) || fail "cannot change $1"
  rest=$before_block${rest%.}
  case $block_mark in
    *'(new file)'*) [ -n "$rest" ] || { rm -f "$1" && return; } ;;
    *'(no line break before)'*) rest=${rest%"$line_break"} ;;
  esac
  write_file "$1" "$rest"
}

# add_block FILE LINES: behind $text, which it holds
add_block() {
  block_mark='# BEGIN mxcert: for the certificate that mxcert keeps. Taken away by mxcert'
  block="$line_break$2$line_break# END mxcert$line_break"
  if [ ! -e "$1" ]; then
    write_file "$1" "$block_mark (new file)$block" 0644 root:root
  else
    case $text in
      '' | *"$line_break") write_file "$1" "$text$block_mark$block" ;;
      *) write_file "$1" "$text$line_break$block_mark (no line break before)$block" ;;
    esac
  fi
}

### A daemon for which all lines are in $lines_file, those for SNI beginning with $sni_line. The hook's missing_lines are
### those that its configuration lacks, as load_anew has found it.

configure_lines() {
  lines=$(block_lines "$lines_file") || exit 1
  new_lines=$(missing_lines) || exit 1
  lines=$(printf '%s\n' "$lines" "$new_lines" | awk 'NF && !seen[$0]++') || exit 1
  set_block "$lines_file" "$lines"
  if ! (load_anew); then
    unconfigure_lines
    fail "$daemon does not understand our lines in $lines_file: they were taken away again"
  fi
  load_anew
  new_lines=$(missing_lines) || exit 1
  if [ -n "$new_lines" ]; then
    unconfigure_lines
    fail "$lines_file does not do what our lines in it say: they were taken away again"
  fi
}

# What belongs to the other role stays.
unconfigure_lines() {
  lines=$(block_lines "$lines_file") || exit 1
  case $role in
    sni) lines=$(printf '%s\n' "$lines" | sed "/^$sni_line/d") || exit 1 ;;
    *) lines=$(printf '%s\n' "$lines" | sed -n "/^$sni_line/p") || exit 1 ;;
  esac
  set_block "$lines_file" "$lines"
}

# take_back_lines WITHOUT: of a default certificate that goes, all of its role, or else those that name files which leave; of
# one for SNI, those for SNI, when none is left
take_back_lines() {
  if [ "$role" = sni ]; then
    [ -n "$(sni_bundles "$1")" ] || unconfigure_lines
  elif [ -n "$1" ]; then
    unconfigure_lines
  else
    lines=$(block_lines "$lines_file") || exit 1
    lines=$(lines_that_stay "$lines") || exit 1
    set_block "$lines_file" "$lines"
  fi
  [ "$role" = sni ] || rm -f "$sni_directory/default" # which names it has again is not known
}
