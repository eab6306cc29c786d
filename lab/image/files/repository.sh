#!/bin/bash
# Lays out packages as an apt repository, signed with the only key of GNUPGHOME.
# usage: repository.sh DEBS OUT SUITE ARCHITECTURE
set -euo pipefail
debs=$1 out=$2 suite=$3 architecture=$4
base=dists/$suite/main/binary-$architecture
mkdir -p "$out/$base"

for deb in "$debs"/*.deb; do
  package=$(dpkg-deb --field "$deb" Package)
  source=$(dpkg-deb --field "$deb" Source | cut -d' ' -f1)
  source=${source:-$package}
  case $source in lib?*) initial=${source:0:4} ;; *) initial=${source:0:1} ;; esac
  mkdir -p "$out/pool/main/$initial/$source"
  version=$(basename "$deb" | sed 's/%3a/:/')
  mv "$deb" "$out/pool/main/$initial/$source/${version/_*:/_}" # epochs are not part of a file's name in a pool
done

cd "$out"
apt-ftparchive --arch "$architecture" packages pool >"$base/Packages"
gzip -9 --keep --no-name "$base/Packages"
xz --keep "$base/Packages"
for index in "$base"/Packages*; do
  digest=$(sha256sum <"$index" | cut -d' ' -f1)
  mkdir -p "$base/by-hash/SHA256"
  ln "$index" "$base/by-hash/SHA256/$digest"
done
cd "dists/$suite"
apt-ftparchive \
  -o APT::FTPArchive::Release::Origin='Causeway lab' \
  -o APT::FTPArchive::Release::Label='Causeway lab' \
  -o APT::FTPArchive::Release::Suite="$suite" \
  -o APT::FTPArchive::Release::Codename="$suite" \
  -o APT::FTPArchive::Release::Architectures="$architecture" \
  -o APT::FTPArchive::Release::Components=main \
  -o APT::FTPArchive::Release::Acquire-By-Hash=yes \
  release . >../Release.new
mv ../Release.new Release
gpg --batch --quiet --clearsign --output InRelease Release
gpg --batch --quiet --armor --detach-sign --output Release.gpg Release
