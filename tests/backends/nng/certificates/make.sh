#!/bin/sh
# Makes the certificates beside it anew, valid for 100 years. Needs openssl.
set -eu
cd "$(dirname "$0")"
days=36500
key="-newkey ec -pkeyopt ec_paramgen_curve:P-256"

authority() { # file
    openssl req -x509 -new $key -nodes -days $days -subj "/CN=anymq test $1" -keyout "$1.key" \
        -out "$1.pem" -addext basicConstraints=critical,CA:TRUE \
        -addext keyUsage=critical,keyCertSign,cRLSign
}

member() { # file authority alternative-names serial-number
    openssl req -new $key -nodes -subj "/CN=anymq test $1" -keyout "$1.key" -out "$1.csr"
    printf 'basicConstraints=CA:FALSE\nsubjectAltName=%s\n' "$3" > "$1.ext"
    openssl x509 -req -in "$1.csr" -CA "$2.pem" -CAkey "$2.key" -set_serial "$4" -days $days \
        -extfile "$1.ext" -out "$1.pem"
    rm "$1.csr" "$1.ext"
}

authority authority
authority stranger
member server authority DNS:localhost,IP:127.0.0.1 11
member client authority DNS:client 12
member elsewhere authority DNS:elsewhere.example 13
# the form that openssl wrote before PKCS 8, which every TLS library reads
openssl ec -in server.key -aes128 -passout pass:sesame -out server-locked.key
cat server.pem server.key > server-both.pem
rm authority.key stranger.key
