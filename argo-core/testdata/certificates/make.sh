#!/usr/bin/env bash
# Makes the certificates of the tests, valid for 100 years. Needs OpenSSL 3. The keys are public: never trust them.
set -euo pipefail
cd "$(dirname "$0")"; rm -f ./*.pem; days=36500
key() { # NAME ALGORITHM
  case $2 in
    rsa*) openssl genrsa -out "$1.key.pem" "${2#rsa}" 2>/dev/null ;;
    ed25519) openssl genpkey -algorithm ed25519 -out "$1.key.pem" ;;
    *) openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:"$2" -out "$1.key.pem" ;;
  esac
}
ca() { # NAME ALGORITHM
  key "$1" "$2"; openssl req -x509 -new -key "$1.key.pem" -subj "/CN=$1" -days $days -out "$1.pem"; }
leaf() { # NAME ALGORITHM CA EXTENSIONS (none: version 1)
  key "$1" "$2"; openssl req -new -key "$1.key.pem" -subj "/O=testers/CN=$1" -out "$1.csr.pem"
  if [ -n "$4" ]; then printf '%s\n' "$4" > ext; openssl x509 -req -in "$1.csr.pem" -CA "$3.pem" -CAkey "$3.key.pem" -set_serial $RANDOM -days $days -extfile ext -out "$1.pem" 2>/dev/null
  else openssl x509 -req -in "$1.csr.pem" -CA "$3.pem" -CAkey "$3.key.pem" -set_serial $RANDOM -days $days -out "$1.pem" 2>/dev/null; fi; rm -f ext
}
san="subjectAltName=IP:127.0.0.1,DNS:localhost,DNS:kubernetes.default.svc"
ca ca P-256; ca other-ca P-256; ca ca-p521 P-521
openssl req -new -key other-ca.key.pem -subj /CN=ca-v1 -out v1.csr.pem; openssl x509 -req -in v1.csr.pem -signkey other-ca.key.pem -days $days -out ca-v1.pem 2>/dev/null; cp other-ca.key.pem ca-v1.key.pem; rm v1.csr.pem
leaf server P-256 ca "$san"; leaf server-p521 P-521 ca-p521 "$san"; leaf server-v1-ca P-256 ca-v1 "$san"
key server-ca-flag P-256; openssl req -x509 -new -key server-ca-flag.key.pem -subj /CN=server-ca-flag -addext "$san" -days $days -out server-ca-flag.pem
leaf server-ca-signed P-256 ca "$san
basicConstraints=critical,CA:TRUE"
for one in "rsa2048 rsa2048" "rsa3072 rsa3072" "rsa4096 rsa4096" "rsa8192 rsa8192" "p256 P-256" "p384 P-384" "p521 P-521" "ed25519 ed25519"; do
  set -- $one; leaf "$1" "$2" ca extendedKeyUsage=clientAuth; done
leaf v1 P-256 ca ""
openssl rsa -in rsa2048.key.pem -traditional -out rsa2048.pkcs1.pem 2>/dev/null
for curve in p256 p384 p521; do openssl ec -in $curve.key.pem -out $curve.sec1.pem 2>/dev/null; done
openssl ecparam -name prime256v1 -out p256.parameters.pem
openssl x509 -in rsa2048.pem -text > rsa2048.text.pem
openssl pkey -in p256.key.pem -aes-128-cbc -passout pass:hunter2 -out p256.encrypted.pem
find . -name '*.csr.pem' ! -name rsa2048.csr.pem -delete
