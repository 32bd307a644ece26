# inside.sh SEED CALLS NODE WORKER: a round, as PID 1 of a namespace. What it could write to is this directory only, its pids
# begin where no descriptor's number is, and it may have so many descriptors open (rules.mjs).
set -e
mount --bind . .
cd "$PWD"
mount -o remount,bind,ro /
echo "$LAST_PID" > /proc/sys/kernel/ns_last_pid
ulimit -n "$MOST_DESCRIPTORS"
unset LAST_PID MOST_DESCRIPTORS
set +e
"$3" --expose-gc --no-warnings --max-old-space-size=512 "$4" "$1" "$2"
exit $?
