#!/bin/sh
# Make a Java trust store: the JDK's own public roots plus the authority's certificate.
# usage: make-truststore.sh CA-CERT.PEM TRUSTSTORE.P12
set -eu
certificate=${1:?usage: make-truststore.sh CA-CERT.PEM TRUSTSTORE.P12}
store=${2:?usage: make-truststore.sh CA-CERT.PEM TRUSTSTORE.P12}
java_home=${JAVA_HOME:-$(dirname "$(dirname "$(readlink -f "$(command -v keytool)")")")}
rm -f "$store"
keytool -importkeystore -noprompt -srckeystore "$java_home/lib/security/cacerts" -srcstorepass changeit \
    -destkeystore "$store" -deststoretype PKCS12 -deststorepass changeit
keytool -importcert -noprompt -alias clyra -file "$certificate" -keystore "$store" -storepass changeit
