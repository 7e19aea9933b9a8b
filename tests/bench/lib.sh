# shellcheck shell=bash
# What the benches share.

say() { printf 'bench: %s\n' "$*" >&2; }

# On stdin one measurement a line: the median of each of COLUMNS columns, and how many they were; nothing when nothing
# was measured.
medians() {
  local column all
  all=$(sed '/^$/d')
  [ -n "$all" ] || return 0
  for ((column = 1; column <= $1; column++)); do
    cut -d ' ' -f "$column" <<<"$all" | sort -n | awk '{ v[NR] = $1 } END { printf "%s ", v[int((NR + 1) / 2)] }'
  done
  wc -l <<<"$all"
}

# Lines of cells between bars, as a Markdown table that is aligned in a terminal too.
align() {
  awk -F '|' '
    { rows = NR; if (NF > columns) columns = NF
      for (i = 1; i <= NF; i++) { cell[NR, i] = $i; if (length($i) > width[i]) width[i] = length($i) } }
    END {
      for (i = 1; i <= columns; i++) if (width[i] < 3) width[i] = 3
      for (r = 1; r <= rows; r++) {
        line = "|"
        for (i = 1; i <= columns; i++)
          line = line sprintf(i == 1 ? " %-*s |" : " %*s |", width[i], cell[r, i])
        print line
        if (r == 1) {
          line = "|"
          for (i = 1; i <= columns; i++) { dashes = sprintf("%*s", width[i], ""); gsub(/ /, "-", dashes)
            line = line (i == 1 ? " " dashes " |" : " " substr(dashes, 2) ": |") }
          print line
        }
      }
    }'
}
