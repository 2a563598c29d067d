/** Credential revisions, and the age of passwords. */
export const version2 = `
  alter table app_user add column credential_revision bigint not null default 0;
  alter table credential add column added_at bigint not null default 0;

  update schema_version set version = 2;
`
