#!/bin/sh
# SPDX-License-Identifier: AGPL-3.0-or-later
# A Debian package from the release build: the binary, man pages, a systemd unit, the licence. Called by `./dev deb`.
set -eu
version=$(build/release/fane --version | cut -d ' ' -f 2)
arch=$(dpkg --print-architecture)
root=build/deb/fane_${version}_${arch}
rm -rf "$root"
mkdir -p "$root/DEBIAN" "$root/usr/bin" "$root/usr/share/man/man1" "$root/usr/share/doc/fane" "$root/lib/systemd/system"
install -m 755 build/release/fane "$root/usr/bin/fane"
strip "$root/usr/bin/fane"
for page in docs/man/*.1; do gzip -9nc "$page" >"$root/usr/share/man/man1/${page##*/}.gz"; done
install -m 644 debian/fane.service "$root/lib/systemd/system/fane.service"
install -m 644 LICENSE "$root/usr/share/doc/fane/copyright"
gzip -9nc CHANGELOG.md >"$root/usr/share/doc/fane/changelog.gz"
install -m 755 debian/postinst "$root/DEBIAN/postinst"
# Debian's own tool reads which packages hold the libraries the binary is linked with.
mkdir -p build/deb/debian
printf 'Source: fane\n\nPackage: fane\nArchitecture: any\n' >build/deb/debian/control
depends=$(cd build/deb && dpkg-shlibdeps -O "${root#build/deb/}/usr/bin/fane" 2>/dev/null | sed -n 's/^shlibs:Depends=//p')
[ -n "$depends" ] || { echo "deb: cannot read the library packages (is dpkg-dev installed?)" >&2; exit 1; }
cat >"$root/DEBIAN/control" <<END
Package: fane
Version: $version
Architecture: $arch
Maintainer: The Fane developers <fane@localhost>
Depends: $depends, adduser
Section: web
Priority: optional
Description: safeguarding religious sites
 A registry and map of religious sites, safe intake of reports, early warning and alerts.
END
dpkg-deb --root-owner-group --build "$root" "build/fane_${version}_${arch}.deb" >&2
echo "build/fane_${version}_${arch}.deb"
