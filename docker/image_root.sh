#!/usr/bin/env bash
# Puts together the file system of the image: docker/image_root.sh PROGRAMS FOLDER
# Takes from this system what the programs in PROGRAMS need when they run, and nothing else: the
# libraries that they are linked with, a small shell, the few files in /etc that the C library reads.
# The packages that these files are from are recorded as dpkg does it, so that scanners find them, and
# their licences come along.
set -euo pipefail

readonly programs=$1 root=$2
readonly user=isopop id=10001
# What a person who looks into a container may want; all of it is one file.
readonly tools=(sh cat cp date df du env false find free grep head hostname id ip kill ln ls mkdir mount
  mv nc netstat nslookup ps pwd readlink rm sed sleep sort stat tail test top touch tr true uname
  vi wc wget which xargs)

# The library that a path of the linker's means, and the package it is from. Both / and /usr may stand in
# dpkg's lists.
package_of() {
  local path
  path=$(readlink -f "$1")
  { dpkg-query -S "$path" 2>/dev/null || dpkg-query -S "${path#/usr}"; } |
    awk -F: 'NR == 1 { print $1 }'
}

make_folders() {
  mkdir -p "$root"/{dev,etc,proc,run,sys,tmp,usr/bin,usr/lib,usr/lib64,var/lib/dpkg}
  chmod 1777 "$root/tmp"
  local name
  for name in bin lib lib64; do ln -s "usr/$name" "$root/$name"; done
}

# What the dynamic linker says of all programs. It fails for those that need no library.
linked() { ldd "$programs"/* /bin/busybox 2>/dev/null || true; }

# What the dynamic linker will look for: the programs' and the shell's, each under the name it is asked
# for. A library that is missing here is one that is missing in docker/packages.txt.
libraries() {
  local missing
  missing=$(linked | awk '/not found/ { print $1 }' | sort -u)
  if [ -n "$missing" ]; then
    printf 'error: not in the packages of [run] and [image]: %s\n' "$(tr '\n' ' ' <<<"$missing")" >&2
    return 1
  fi
  linked | awk '$3 ~ /^\// { print $3 } $1 ~ /^\/.*ld-linux/ { print $1 }' | sort -u
}

copy_libraries() {
  local path target
  while read -r path; do
    target=$path
    [ "${target#/usr}" = "$target" ] && target=/usr$target
    mkdir -p "$root$(dirname "$target")"
    cp -L --preserve=mode,timestamps "$path" "$root$target"
    package_of "$path" >>"$root.packages"
  done <"$root.libraries"
}

copy_tools() {
  cp --preserve=mode,timestamps /bin/busybox "$root/usr/bin/busybox"
  package_of /bin/busybox >>"$root.packages"
  local tool known
  known=" $(busybox --list | tr '\n' ' ')"
  for tool in "${tools[@]}"; do
    [[ $known == *" $tool "* ]] || { printf 'error: busybox has no %s\n' "$tool" >&2; return 1; }
    ln -s busybox "$root/usr/bin/$tool"
  done
}

write_configuration() {
  printf 'root:x:0:0:root:/:/bin/sh\n%s:x:%s:%s:Isopop:/var/lib/isopop:/bin/sh\n' "$user" "$id" "$id" \
    >"$root/etc/passwd"
  printf 'root:x:0:\n%s:x:%s:\n' "$user" "$id" >"$root/etc/group"
  printf 'passwd: files\ngroup: files\nhosts: files dns\n' >"$root/etc/nsswitch.conf"
  cp -L --preserve=timestamps /etc/os-release "$root/usr/lib/os-release"
  ln -s ../usr/lib/os-release "$root/etc/os-release"
  cp /etc/debian_version "$root/etc/debian_version"
  printf 'base-files\n' >>"$root.packages"
}

record_packages() {
  local package
  sort -u -o "$root.packages" "$root.packages"
  while read -r package; do
    dpkg-query -s "$package"
    printf '\n'
    mkdir -p "$root/usr/share/doc/$package"
    cp -L "/usr/share/doc/$package/copyright" "$root/usr/share/doc/$package/copyright"
  done <"$root.packages" >"$root/var/lib/dpkg/status"
}

rm -rf "$root" "$root.packages"
make_folders
libraries >"$root.libraries"
copy_libraries
copy_tools
write_configuration
record_packages
rm -f "$root.packages" "$root.libraries"
