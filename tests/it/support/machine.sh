#!/usr/bin/env bash
# A machine within this machine, for tests: the same files under an overlay, in namespaces of its own, with a systemd of
# its own as process 1 or none at all. What it writes is on a tmpfs and gone with it. Needs root.
#
#   unshare --mount bash machine.sh FOLDER systemd|nothing
#
# FOLDER is an empty directory; in this mount namespace FOLDER/upper then holds what was changed. Prints "started" and
# the process id, as seen from outside, of the one whose child is process 1; ends when that ends. The network is shared.
set -euo pipefail
folder=$1 init=$2

if [ -z "${3:-}" ]; then
    mount --make-rprivate /
    mount -t tmpfs -o mode=0755 tmpfs "$folder"
    mkdir "$folder"/{cgroup,upper,work,root}
    # A control group of its own below ours: machines that run side by side do not meet.
    mount -t cgroup2 cgroup2 "$folder/cgroup"
    own=$folder/cgroup/reconnectd-test-$$
    mkdir "$own"
    echo $$ >"$own/cgroup.procs"
    unshare --mount --cgroup --pid --uts --ipc --fork --kill-child bash "$0" "$folder" "$init" inside "$$" &
    # Whatever ends the machine, its groups go too; the last processes may take a moment to leave them.
    wait "$!" || true
    echo $$ >"$folder/cgroup/cgroup.procs"
    for _ in $(seq 100); do
        find "$own" -depth -type d -exec rmdir {} + 2>/dev/null && break
        sleep 0.05
    done
    exit 0
fi

mount -t overlay overlay -o "lowerdir=/,upperdir=$folder/upper,workdir=$folder/work" "$folder/root"
cd "$folder/root"
mount -t proc proc proc
# The kernel is shared: nothing in here may change its settings.
mount --bind proc/sys proc/sys
mount -o remount,bind,ro proc/sys
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=0755 tmpfs run
mount -t tmpfs -o mode=1777 tmpfs tmp
mount -t tmpfs -o mode=0755 tmpfs dev
for device in null zero full random urandom tty; do
    touch "dev/$device"
    mount --bind "/dev/$device" "dev/$device"
done
mkdir dev/shm dev/pts
mount -t tmpfs -o mode=1777 tmpfs dev/shm
mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
mkdir -p mnt
if [ "$init" = systemd ]; then
    # Only what the units under test ask for: none of the host's services, none of what prepares a kernel.
    mount -t tmpfs tmpfs etc/systemd/system
    mount -t tmpfs tmpfs lib/systemd/system/sysinit.target.wants
    printf '[Unit]\nWants=systemd-journald.service\nAfter=systemd-journald.service\n' >etc/systemd/system/test.target
fi
pivot_root . mnt
umount -l mnt
# As at a boot: what systemd mounts for a service, its credentials say, reaches the namespaces of services.
mount --make-rshared /
echo started
if [ "$init" = systemd ]; then
    exec env -i container=reconnectd-test PATH=/usr/sbin:/usr/bin:/sbin:/bin \
        /lib/systemd/systemd --unit=test.target --log-target=journal
fi
exec sleep infinity
