# inside.sh SEED CALLS NODE WORKER: runs a round as PID 1 of a namespace. The round can write to this directory only, its pids
# begin above all descriptor numbers, and its descriptors are limited (rules.mjs).
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
