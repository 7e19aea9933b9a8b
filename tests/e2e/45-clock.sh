#!/bin/bash
# A clock that is off is told as that.
. "$(dirname "$0")/lib.sh"

command -v cc >/dev/null || skip "there is no compiler"
# Loaded into mxcert, it has the time of day some seconds later.
cat >"$work/later.c" <<'C'
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>
int clock_gettime(clockid_t id, struct timespec* now) {
  int result = ((int (*)(clockid_t, struct timespec*))dlsym(RTLD_NEXT, "clock_gettime"))(id, now);
  const char* later = getenv("LATER");
  if (later && id == CLOCK_REALTIME) now->tv_sec += atol(later);
  return result;
}
C
later=$MXCERT_LAB_DIR/share/later.so
cc -shared -fPIC -o "$later" "$work/later.c" -ldl
mxcert_later() { on foo env LD_PRELOAD="$later" LATER="$1" ASAN_OPTIONS=verify_asan_link_order=0 mxcert "${@:2}"; }

scene "hours ahead or behind: one warning with both times"
configure example.com
for seconds in 7200 -7200; do
  mxcert_later "$seconds" account register --json
  expect_exit 0
  expect_json '[.warnings[] | select(.code == "clock_off")] | length == 1 and (.[0].message | test("20.*T.*Z.*20.*T.*Z"))'
done

scene "minutes are nothing to talk about"
mxcert_later 600 account register --json
expect_json '.warnings == []'
