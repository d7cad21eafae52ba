#!/bin/sh
# Make a certificate authority that strict TLS clients accept, with the openssl command line alone.
# usage: make-authority.sh FOLDER      writes FOLDER/mitmproxy-ca.pem (key and certificate, mode 0600)
set -eu
folder=${1:?usage: make-authority.sh FOLDER}
umask 077
mkdir -p "$folder"
if [ -e "$folder/mitmproxy-ca.pem" ]; then
    echo "$folder/mitmproxy-ca.pem exists; move it away first." >&2
    exit 1
fi
work=$(mktemp -d "$folder/.authority.XXXXXX")
trap 'rm -rf "$work"' EXIT
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$work/key.pem"
openssl req -x509 -new -sha256 -key "$work/key.pem" -days 1825 -subj "/CN=Clyra local authority/O=Clyra" \
    -addext "basicConstraints=critical,CA:TRUE,pathlen:0" \
    -addext "keyUsage=critical,keyCertSign,cRLSign" \
    -addext "extendedKeyUsage=serverAuth" \
    -addext "subjectKeyIdentifier=hash" \
    -out "$work/certificate.pem"
cat "$work/key.pem" "$work/certificate.pem" > "$work/mitmproxy-ca.pem"
mv "$work/mitmproxy-ca.pem" "$folder/mitmproxy-ca.pem"
