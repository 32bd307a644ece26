# inside.sh CGROUP SCRATCH NODE GROUP...: runs the groups in namespaces of their own, with CGROUP as the root of cgroups.
# The root file system is read-only there, except for SCRATCH; /run and /var/cache are new. /tmp is the machine's, because
# systemd-nspawn makes its mount point there. catatonit is PID 1 and reaps what the groups leave. The kernel ends all processes
# with PID 1.
set -e
echo $$ > "$1/cgroup.procs"
shift
exec unshare --cgroup --mount --pid --net --ipc --uts --fork --kill-child --mount-proc --propagation private sh -ec '
  umount -R /sys/fs/cgroup
  mount -t cgroup2 none /sys/fs/cgroup
  # Only a group without processes can give controllers to the groups below it.
  mkdir -p /sys/fs/cgroup/driver
  echo $$ > /sys/fs/cgroup/driver/cgroup.procs

  scratch=$1 node=$2
  shift 2
  mount --bind "$scratch" "$scratch"
  mount --bind /tmp /tmp
  mount -o remount,bind,ro /
  mount -t tmpfs none /run
  mount -t tmpfs none /var/cache
  ip link set lo up
  cd "$scratch"
  exec catatonit -- "$node" "$0" "$scratch" "$@"
' "$(dirname "$0")/inside.mjs" "$@"
