/** Credential revisions, and the age of passwords. */
export const version2 = `
  alter table app_user add column credential_revision integer not null default 0;
  alter table credential add column added_at integer not null default 0;

  pragma user_version = 2;
`
