# shellcheck shell=bash disable=SC2034,SC2154,SC2317,SC2329  # variables of the test and of lib.sh; functions called by name
# Runs that are ended before their Nth change to a file system, and so between any two of them; for tests that source
# this after lib.sh. A library that is loaded into mxcert, and where a test says crash_in_hooks into all that a hook runs,
# counts the changes and kills.
#
# E2E_CRASH_STEP=1 tries every N, instead of every few.

crash=$MXCERT_LAB_DIR/share/crash.so
crash_log=$MXCERT_LAB_DIR/share/crash.log
crash_environment=$MXCERT_LAB_DIR/share/crash.env

command -v cc >/dev/null || skip "there is no compiler"
cat >"$work/crash.c" <<'C'
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#define NEXT(name) ((__typeof__(name)*)dlsym(RTLD_NEXT, #name))

/* A line for each in a file, which they all count: those of several processes in one row. */
static void count(const char* what, const char* path) {
  const char* log = getenv("CRASH_LOG");
  const char* signal = getenv("CRASH_SIGNAL");
  const char* parent = getenv("CRASH_PARENT");
  char text[4096];
  int counted = 0, file = log ? NEXT(open)(log, O_RDWR | O_APPEND) : -1;
  if (file < 0) return;
  ssize_t length = snprintf(text, sizeof text, "%s %s\n", what, path);
  if (write(file, text, length) != length) abort();
  lseek(file, 0, SEEK_SET);
  while ((length = read(file, text, sizeof text)) > 0)
    for (ssize_t i = 0; i < length; ++i) counted += text[i] == '\n';
  close(file);
  if (counted != atoi(getenv("CRASH_AT"))) return;
  if (!parent) {
    raise(atoi(signal));
  } else { /* a hook's: mxcert, and then the hook with all its processes */
    kill(atoi(parent), SIGKILL);
    kill(0, SIGKILL);
  }
}
int rename(const char* a, const char* b) { count("rename", b); return NEXT(rename)(a, b); }
int renameat2(int from, const char* a, int to, const char* b, unsigned flags) { count("rename", b); return NEXT(renameat2)(from, a, to, b, flags); }
int symlink(const char* a, const char* b) { count("symlink", b); return NEXT(symlink)(a, b); }
int mkdir(const char* a, mode_t m) { count("mkdir", a); return NEXT(mkdir)(a, m); }
int rmdir(const char* a) { count("rmdir", a); return NEXT(rmdir)(a); }
int unlink(const char* a) { count("unlink", a); return NEXT(unlink)(a); }
int unlinkat(int at, const char* a, int flags) { count("unlink", a); return NEXT(unlinkat)(at, a, flags); }
int remove(const char* a) { count("remove", a); return NEXT(remove)(a); }
int fchmod(int fd, mode_t m) { count("fchmod", "a new file"); return NEXT(fchmod)(fd, m); }
/* Of a hook also what it opens to write there, when it is empty. */
int open64(const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const int file = NEXT(open64)(path, flags, flags & O_CREAT ? va_arg(arguments, mode_t) : 0);
  va_end(arguments);
  if (file >= 0 && flags & (O_CREAT | O_TRUNC) && !strncmp(path, "/etc/", 5) && getenv("CRASH_PARENT")) count("write", path);
  return file;
}
C
cc -shared -fPIC -o "$crash" "$work/crash.c" -ldl

# crash_at N COMMAND…: mxcert COMMAND…, ended before its Nth change; N = 0: to its end, with its changes in $crash_log
crash_at() {
  : >"$crash_log"
  printf 'export LD_PRELOAD=%s CRASH_LOG=%s CRASH_AT=%s CRASH_SIGNAL=%s ASAN_OPTIONS=verify_asan_link_order=0\n' "$crash" "$crash_log" \
    "$1" "${signal:-9}" >"$crash_environment"
  on "$mail_host" sh -c '. "$0" && exec mxcert "$@"' "$crash_environment" "${@:2}"
  rm "$crash_environment"
}

# crash_in_hooks: what the hook of the mail host changes counts as well
crash_in_hooks() {
  local hook=/usr/libexec/mxcert/hooks/$mail_hook
  lab exec "$mail_host" mv "$hook" "$hook.shipped"
  printf '%s\n' '#!/bin/sh' "[ ! -e $crash_environment ] || { . $crash_environment && export CRASH_PARENT=\$PPID; }" \
    "exec $hook.shipped \"\$@\"" | put "$mail_host" "$hook" 0755
}

# steps FIRST LAST STEP
steps() { seq "$1" "${E2E_CRASH_STEP:-$3}" "$2"; }
# count_changes COMMAND…: into $changes
count_changes() {
  crash_at 0 "$@"
  expect_exit 0
  changes=$(wc -l <"$crash_log")
}

# ---- deployments of what is stored already, at a daemon of the host post ----------------------------------------------
# A test sets $etc, the directory with the daemon's files, $crash_turn, and two_files, which has the daemon read a key and a
# certificate of the administrator's in $etc/two/key.pem and cert.pem; then it calls crash_scenes. Without E2E_CRASH_STEP
# every other scene kills, once, in another tenth of the run each time: $crash_turn, 0 or 1, says which ones.

second_name=mx2.post.example.com
live_of() { lab exec post openssl x509 -noout -fingerprint -sha256 -in "/var/lib/mxcert/live/$1/cert.pem" | sed 's/.*=//'; }
# store [--new-key] DOMAINS [LINE…]: versions for these domains, by a configuration with these lines under [certificate];
# mxcert deploy installs them
store() {
  local options=() domains
  if [ "$1" = --new-key ]; then options=("$1"); shift; fi
  read -ra domains <<<"$1"
  { standard_config "${domains[@]}" | sed '/^\[\[deploy/,$d'; printf '%s\n' '[certificate]' 'pack = "per-host"' "${@:2}"; } |
    put post /root/stored.toml
  { get post /root/stored.toml; printf '%s\n' '[[deploy]]' "hook = \"$mail_hook\"" 'configure = true' \
    "verify = [\"${mail_addresses[0]}:$mail_port\"]"; } | put post /etc/mxcert/mxcert.toml
  mxcert --config /root/stored.toml issue "${options[@]}"
  expect_exit 0
}

# What there is now, to begin from again and again
keep() { lab exec post sh -c 'rm -rf /root/kept; mkdir /root/kept; cp -a /var/lib/mxcert /root/kept/state; cp -a "$0" /root/kept/etc' "$etc"; }
begin_again() {
  lab exec post sh -c 'rm -rf /var/lib/mxcert "$0"; cp -a /root/kept/state /var/lib/mxcert; cp -a /root/kept/etc "$0"' "$etc"
  lab "$mail_hook" reload
}
# contents: of the daemon's directory; of tables, which are not the same twice, only that they are there
contents() {
  lab exec post sh -c 'cd "$0" && find . -printf "%p %m %u:%g %l\n" | sort && find . -type f ! -name "table.*" -exec sha256sum {} + | sort' "$etc"
}
# halves: files of ours whose key is not the certificate's
halves() {
  lab exec post sh -c 'cd "$0" && for file in mxcert*.pem mxcert-sni/*.pem; do
      [ ! -e "$file" ] || [ "$(openssl x509 -noout -pubkey -in "$file")" = "$(openssl pkey -pubout -in "$file")" ] || echo "$file"
    done' "$etc"
}
# expect_one_of NAME|- FINGERPRINT…
expect_one_of() {
  local shown
  shown=$(served "$1" "$mail_port")
  [[ -n $shown && " ${*:2} " == *" $shown "* ]] ||
    fail "killed before change $at, $(sed -n "${at}p" "$crash_log"): who asks for $1 is shown '$shown', not one of ${*:2}"
}
# expect_shown NAME|- FINGERPRINT
expect_shown() { expect_same "$1 $2" "$1 $(served "$1" "$mail_port")"; }

# killed_anywhere COMMAND…: from what there is now. What `still` expects holds after it, also with a daemon that has begun anew,
# and the same command, run again, makes what it would have made, as `finally` says.
restarts=0 crash_tenth=0
killed_anywhere() {
  local finished steps=''
  keep
  count_changes "$@"
  finished=$(contents)
  [ "$changes" -gt 5 ] || fail "only $changes changes were counted"
  crash_tenth=$(((crash_tenth + 3) % 8 + 2))
  if [ -n "${E2E_CRASH_STEP:-}" ]; then
    steps=$(steps 1 "$changes" 1)
  elif ((crash_turn++ % 2 == 0)); then
    steps=$((1 + changes * crash_tenth / 10))
  fi
  [ -n "$steps" ] || finally
  for at in $steps; do
    begin_again
    crash_at "$at" "$@"
    expect_exit 137
    expect_same '' "$(halves)"
    still
    if ((restarts++ % 2 == 0)); then
      lab "$mail_hook" restart
      still
    fi
    mxcert "$@"
    expect_exit 0
    finally
    expect_no_leftovers
    expect_same "$finished" "$(contents)"
  done
}

crash_scenes() {
  local snakeoil stock first second third type
  snakeoil=$(served - "$mail_port")
  stock=$(contents)
  lab exec post cp -a "$etc" /root/stock

  scene "the first installation, with lines in the configuration: killed anywhere, it is there in the end"
  store post.example.com
  first=$(live_of "$mail_name")
  still() { expect_one_of - "$snakeoil" "$first"; }
  finally() { expect_shown - "$first"; }
  killed_anywhere deploy

  scene "it is taken back: killed anywhere, the next run does it, and nothing of it is left"
  finally() { expect_shown - "$snakeoil"; }
  killed_anywhere rollback "$mail_name"
  expect_same "$stock" "$(contents)"

  scene "a new key: killed anywhere, the old certificate is served or the new one, whole, and in the end the new one"
  begin_again
  store --new-key post.example.com 'extra_names = ["post.example.com"]'
  second=$(live_of "$mail_name")
  expect_different "$first" "$second"
  still() { expect_one_of - "$first" "$second"; }
  finally() { expect_shown - "$second"; }
  killed_anywhere deploy

  scene "a certificate for SNI: killed anywhere, its names show the default one or that, and in the end that"
  store 'post.example.com users.example.com' 'extra_names = ["post.example.com"]'
  first=$second second=$(live_of "$second_name")
  still() {
    expect_one_of - "$first"
    expect_one_of "$second_name" "$first" "$second"
  }
  finally() {
    expect_shown - "$first"
    expect_shown "$second_name" "$second"
  }
  killed_anywhere deploy

  scene "it is taken away: killed anywhere, the next run does it, and nothing of it is left"
  finally() {
    expect_shown - "$first"
    expect_shown "$second_name" "$first"
  }
  killed_anywhere rollback "$second_name"
  expect_no_file post "$etc/mxcert-sni"

  scene "a second key, with lines in the configuration: killed anywhere, the old certificate is served or the new ones"
  store post.example.com 'keys = ["ecdsa-p256", "rsa-2048"]'
  third=$(live_of "$mail_name")
  still() { expect_one_of - "$first" "$third"; }
  finally() {
    expect_same "$third" "$(shown_to ecdsa - "$mail_port")"
    expect_same "$(live_of "$mail_name/rsa")" "$(shown_to rsa - "$mail_port")"
  }
  killed_anywhere deploy

  scene "key and certificate in two files: killed between them, the next run puts them right"
  lab exec post sh -c 'rm -rf /var/lib/mxcert "$0" && cp -a /root/stock "$0" && mkdir "$0/two" && cd "$0/two" && openssl req -x509 \
    -newkey rsa:2048 -nodes -subj /CN=post.example.com -keyout key.pem -out cert.pem -days 30 2>/dev/null && chmod 0600 key.pem' "$etc"
  two_files
  lab "$mail_hook" reload
  store post.example.com
  first=$(live_of "$mail_name")
  keep
  count_changes deploy
  begin_again
  at=$(grep -n "^rename $etc/two/" "$crash_log" | sed -n '2s/:.*//p')
  crash_at "$at" deploy
  expect_exit 137
  expect_different "$(lab exec post openssl pkey -pubout -in "$etc/two/key.pem")" \
    "$(lab exec post openssl x509 -noout -pubkey -in "$etc/two/cert.pem")"
  mxcert deploy
  expect_exit 0
  expect_stderr 'undone first'
  expect_shown - "$first"
  expect_no_leftovers
}
