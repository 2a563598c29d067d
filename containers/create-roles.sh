#!/bin/sh
# PostgreSQL runs this once, on an empty volume. It creates the database and its two roles.
set -eu
psql --username "${POSTGRES_USER:-postgres}" --dbname postgres --set ON_ERROR_STOP=1 --no-psqlrc --quiet \
  --set owner_password="$COUNTERSIGN_OWNER_PASSWORD" --set server_password="$COUNTERSIGN_SERVER_PASSWORD" <<'END'
CREATE ROLE countersign_owner LOGIN PASSWORD :'owner_password';
CREATE ROLE countersign LOGIN PASSWORD :'server_password';
CREATE DATABASE countersign OWNER countersign_owner;
END
